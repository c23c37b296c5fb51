// Checks an OpenAPI document with Redocly's rules, as `redocly lint` does; its command line has two hundred more packages.
import { formatProblems, lint, loadConfig } from '@redocly/openapi-core';

const config = await loadConfig({ configPath: 'redocly.yaml' });
const problems = await lint({ ref: process.argv[2], config });
formatProblems(problems, { totals: { errors: problems.length, warnings: 0, ignored: 0 }, version: '' });
process.exitCode = problems.length > 0 ? 1 : 0;
