// Entry point of one instance. Loading the rest takes a while, and a container's first process ignores a signal that it
// has no handler for, so the handlers come first.
import './core/stop-request.ts';

await import('./primary.ts');
