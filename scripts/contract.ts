// Writes openapi.json, which the gateway serves, from openapi.yaml, which people read and change. It is kept beside its
// source, since to read YAML when somebody asks would hold up payments for 65 ms and take 9 MB for good.

import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';

writeFileSync('openapi.json', `${JSON.stringify(parse(readFileSync('openapi.yaml', 'utf8')))}\n`);
