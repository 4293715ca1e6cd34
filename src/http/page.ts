import { createHash } from 'node:crypto';
import type { Headers } from './uws.ts';

/** Text that is the same for everybody and never changes while the gateway runs. */
export interface Document {
  readonly headers: Headers;
  readonly body: string | Uint8Array;
}

/**
 * The headers of everything that a browser may show. Every page and every file of a page is answered with them:
 *
 *     exchange.end('200 OK', pageHeaders({ cacheControl: 'no-store', loadsFiles: true }), html);
 *     exchange.end('200 OK', fileHeaders('text/css; charset=utf-8', 'max-age=300'), css);
 *
 * A page takes nothing from another origin, is in no other's frame, and runs no script and applies no style that is
 * written into its text, except the styles whose texts are named. Styles that a script sets on an element's `style`
 * are allowed.
 */
export interface PageTraits {
  readonly cacheControl: CacheControl;
  /** Whether it loads scripts, styles, pictures and data, over HTTP and WebSocket, from this gateway. Default false. */
  readonly loadsFiles?: boolean;
  /** Origins besides this gateway that its scripts may talk to. */
  readonly connectsTo?: readonly string[];
  /** The exact texts of its `<style>` elements. */
  readonly inlineStyles?: readonly string[];
}

export type CacheControl = 'no-store' | 'no-cache' | `max-age=${number}`;

/** For a page in HTML and UTF-8. To be made once per page, not per request. */
export function pageHeaders(traits: PageTraits): Headers {
  return [
    ...fileHeaders('text/html; charset=utf-8', traits.cacheControl),
    ['Content-Security-Policy', contentSecurityPolicy(traits)],
    ['Cross-Origin-Opener-Policy', 'same-origin'],
  ];
}

/** For a file that a page loads, or that is read by itself. */
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
