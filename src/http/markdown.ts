/**
 * Converts the subset of Markdown that `docs/errors.md` uses to HTML: headings of two levels, the second with an id and
 * a link to itself; paragraphs; lists of `- `; fenced code; and inline `code`, **strong** and [links](https://…). Other
 * markup stays as it is, and HTML is escaped.
 */
export function markdownToHtml(markdown: string): string {
  // Fenced code first, because it may contain blank lines.
  const parts = markdown.split(/^```.*\n([\s\S]*?)^```$/m);
  return parts.map((part, index) => (index % 2 === 1 ? codeBlock(part) : blocks(part))).join('\n');
}

function codeBlock(text: string): string {
  return `<pre><code>${escaped(text)}</code></pre>`;
}

function blocks(text: string): string {
  return text
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter((block) => block !== '')
    .map(block)
    .join('\n');
}

function block(text: string): string {
  const heading = /^(#{1,2}) (.*)$/.exec(text);
  if (heading?.[1] === '#') return `<h1>${inline(heading[2] ?? '')}</h1>`;
  if (heading?.[1] === '##') return section(escaped(heading[2] ?? ''));
  if (text.startsWith('- ')) return list(text);
  return `<p>${inline(text)}</p>`;
}

function section(name: string): string {
  return `<h2 id="${name}"><a href="#${name}">${name}</a></h2>`;
}

function list(text: string): string {
  const items = text.slice(2).split(/\n- /);
  return `<ul>\n${items.map((item) => `<li>${inline(item)}</li>`).join('\n')}\n</ul>`;
}

/** Every second piece between backticks is code, in which no other markup applies. */
function inline(text: string): string {
  return escaped(text)
    .split('`')
    .map((piece, index) => (index % 2 === 1 ? `<code>${piece}</code>` : emphasised(piece)))
    .join('');
}

function emphasised(text: string): string {
  return text
    .replaceAll(/\*\*(.+?)\*\*/gs, '<strong>$1</strong>')
    .replaceAll(/\[([^\]]+)\]\(((?:https:\/\/|#|\/)[^\s)]*)\)/g, '<a href="$2">$1</a>');
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
