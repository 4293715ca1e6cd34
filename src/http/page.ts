import { createHash } from 'node:crypto';
import type { Headers } from './exchange.ts';

/** A response that is the same for every client and does not change while the gateway runs. */
export interface Document {
  readonly headers: Headers;
  readonly body: string | Uint8Array;
}

/**
 * What a page needs, from which its headers follow. Use these headers for every page and every file of a page:
 *
 *     exchange.end('200 OK', pageHeaders({ cacheControl: 'no-store', loadsFiles: true }), html);
 *     exchange.end('200 OK', fileHeaders('text/css; charset=utf-8', 'max-age=300'), css);
 *
 * A page may not load from other origins or be framed, and inline scripts and styles are blocked, except the listed
 * styles. Scripts may set an element's `style`.
 */
export interface PageTraits {
  readonly cacheControl: CacheControl;
  /** Whether it loads scripts, styles, images and data (HTTP or WebSocket) from this gateway. Default false. */
  readonly loadsFiles?: boolean;
  /** Other origins that its scripts may connect to. */
  readonly connectsTo?: readonly string[];
  /** The exact contents of its `<style>` elements. */
  readonly inlineStyles?: readonly string[];
}

export type CacheControl = 'no-store' | 'no-cache' | `max-age=${number}`;

/** The headers of a page in HTML and UTF-8. Build them once per page, not per request. */
export function pageHeaders(traits: PageTraits): Headers {
  return [
    ...fileHeaders('text/html; charset=utf-8', traits.cacheControl),
    ['Content-Security-Policy', contentSecurityPolicy(traits)],
    ['Cross-Origin-Opener-Policy', 'same-origin'],
  ];
}

/** The headers of any other file. */
export function fileHeaders(contentType: string, cacheControl: CacheControl): Headers {
  return [
    ['Content-Type', contentType],
    ['Cache-Control', cacheControl],
    ['X-Content-Type-Options', 'nosniff'],
    ['Referrer-Policy', 'no-referrer'],
    ['Cross-Origin-Resource-Policy', 'same-origin'],
  ];
}

function contentSecurityPolicy({
  loadsFiles = false,
  connectsTo = [],
  inlineStyles = [],
}: PageTraits): string {
  const own = loadsFiles ? ["'self'"] : [];
  const styles = [...own, ...inlineStyles.map(sourceOf)];
  const directives = [
    "default-src 'none'",
    ...(loadsFiles
      ? [
          "script-src 'self'",
          ['connect-src', "'self'", ...connectsTo].join(' '),
          "img-src 'self' data:",
          "font-src 'self'",
        ]
      : []),
    ...(styles.length > 0 ? [`style-src ${styles.join(' ')}`] : []),
    `form-action ${loadsFiles ? "'self'" : "'none'"}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return directives.join('; ');
}

function sourceOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
