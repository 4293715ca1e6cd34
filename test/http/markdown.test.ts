import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { markdownToHtml } from '../../src/http/markdown.ts';

test('headings, and a section with a link to itself', () => {
  assert.is(
    markdownToHtml('# All of `it`\n\n## one-thing\n'),
    '<h1>All of <code>it</code></h1>\n<h2 id="one-thing"><a href="#one-thing">one-thing</a></h2>',
  );
});

test('paragraphs with line breaks, and lists', () => {
  assert.is(
    markdownToHtml('One\n**two\nwords**.\n\n- a\n- b,\n  still b\n'),
    '<p>One\n<strong>two\nwords</strong>.</p>\n<ul>\n<li>a</li>\n<li>b,\n  still b</li>\n</ul>',
  );
});

test('fenced code keeps its blank lines and markup', () => {
  assert.is(
    markdownToHtml('a\n\n```json\n{ "**b**": 1,\n\n# no heading }\n```\n\nc'),
    '<p>a</p>\n<pre><code>{ &quot;**b**&quot;: 1,\n\n# no heading }\n</code></pre>\n<p>c</p>',
  );
});

test('markup in code is not rendered', () => {
  assert.is(markdownToHtml('`**a**` **b**'), '<p><code>**a**</code> <strong>b</strong></p>');
});

test('links may point to https, a section or a path only', () => {
  assert.is(
    markdownToHtml('[a](https://x.example/y) [b](#c) [d](/e) [f](javascript:1)'),
    '<p><a href="https://x.example/y">a</a> <a href="#c">b</a> <a href="/e">d</a> [f](javascript:1)</p>',
  );
});

test('HTML is escaped', () => {
  const html = markdownToHtml('# <b>\n\n## "><script>\n\n<img src=x onerror=1> & `<i>` [a](https://x/"y)');
  assert.not.match(html.replaceAll(/<\/?(h1|h2|p|a|code)\b/g, ''), /<|"><script/);
  assert.match(html, '&lt;img src=x onerror=1&gt; &amp; <code>&lt;i&gt;</code>');
});

test.run();
