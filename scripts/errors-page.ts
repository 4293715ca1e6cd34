import { Marked } from 'marked';

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.6 system-ui, sans-serif; }
body { max-width: 44rem; margin: 0 auto; padding: 1.5rem 1rem 60vh; overflow-wrap: break-word; }
h1 { line-height: 1.2; }
h2 { font: 600 1.1rem/1.4 ui-monospace, monospace; margin: 2.5rem 0 0.5rem; scroll-margin-top: 1rem; }
h2:target { background: #ffe08a; color: #222; box-shadow: 0 0 0 0.4rem #ffe08a; }
h2 a { color: inherit; text-decoration: none; }
h2 a:hover, h2 a:focus-visible { text-decoration: underline; }
p, ul { margin: 0.5rem 0; }
code, pre { font: 0.9em ui-monospace, monospace; background: #8882; border-radius: 0.25rem; }
code { padding: 0.1em 0.3em; }
pre { padding: 0.75rem; overflow-x: auto; }
pre code { padding: 0; background: none; font-size: 1em; }
`;

const marked = new Marked({
  renderer: {
    /** The `type` of each problem document links to the section of its name. */
    heading({ depth, text, tokens }) {
      return depth === 2
        ? `<h2 id="${text}"><a href="#${text}">${text}</a></h2>\n`
        : `<h${depth}>${this.parser.parseInline(tokens)}</h${depth}>\n`;
    },
  },
});

/** `docs/errors.md` as the page that a gateway serves as `GET /errors`. */
export function errorsPage(markdown: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Errors of Dinossauro</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${marked.parse(markdown, { async: false })}</main>
</body>
</html>
`;
}
