// Entry point of one instance. PID 1 of a container ignores signals that it has no handler for, and loading the rest
// takes a while, so the handlers come first.
import './core/stop-request.ts';

await import('./primary.ts');
