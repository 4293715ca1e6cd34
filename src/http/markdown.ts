/**
 * The part of Markdown that `docs/errors.md` is written in, as HTML: headings, the second level with its text as its
 * id and a link to itself; paragraphs; lists of `- `; fenced code; and within a line `code`, **strong** and
 * [links](https://…). Any other mark stays as it is, and no HTML passes.
 */
export function markdownToHtml(markdown: string): string {
  // A fence may hold blank lines, so it is taken out first.
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

/** What stands between backticks is no mark: every second piece of the split is code. */
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
