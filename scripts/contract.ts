// Generates openapi.json, which the gateway serves, from openapi.yaml, which people edit. It is committed because parsing
// YAML on request would block payments for 65 ms and use 9 MB permanently.

import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';

writeFileSync('openapi.json', `${JSON.stringify(parse(readFileSync('openapi.yaml', 'utf8')))}\n`);
