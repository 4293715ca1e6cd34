import { runAudit } from './command.ts';

// Composition root of `npm run audit`.
process.exitCode = await runAudit({
  args: process.argv.slice(2),
  environment: process.env,
  print: (line) => console.log(line),
  complain: (line) => console.error(line),
});
