// `npm run contract`: writes what follows from other files. openapi.json and docs/errors.html are checked in because
// the gateway serves them, and reading YAML or Markdown when a client asks would hold up payments (65 ms and 9 MB for
// the YAML).

import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { apiPage } from './api-reference.ts';
import { clientTypes } from './client-types.ts';
import { contractsPage } from './contract-tables.ts';
import { errorsPage } from './errors-page.ts';
import { metricsPage } from './metrics-tables.ts';
import { processorsPage, processorsSchema } from './processors-schema.ts';
import { settingsPage } from './settings-tables.ts';

const contract = parse(readFileSync('openapi.yaml', 'utf8'));
writeFileSync('openapi.json', `${JSON.stringify(contract)}\n`);
writeFileSync('client/src/api.ts', clientTypes(contract));
writeFileSync('docs/api.md', apiPage(contract));
writeFileSync('docs/errors.html', errorsPage(readFileSync('docs/errors.md', 'utf8')));
writeFileSync('docs/settings.md', settingsPage(readFileSync('docs/settings.md', 'utf8')));
writeFileSync('docs/metrics.md', metricsPage(readFileSync('docs/metrics.md', 'utf8')));
writeFileSync('processors.schema.json', processorsSchema());
writeFileSync('docs/processors-file.md', processorsPage(readFileSync('docs/processors-file.md', 'utf8')));
writeFileSync('docs/contracts.md', contractsPage(readFileSync('docs/contracts.md', 'utf8')));
