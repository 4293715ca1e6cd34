/**
 * Creates an element with a class and children.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className empty: no class
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, className = '', ...children) {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

/**
 * Finds the element with this id.
 *
 * @template {HTMLElement} [Kind=HTMLElement]
 * @param {string} id
 * @param {new () => Kind} [kind]
 * @returns {Kind}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (found === null || (kind !== undefined && !(found instanceof kind)))
    throw new Error(`no element #${id} of the expected type`);
  return /** @type {Kind} */ (found);
}

/** Writes only a text that has changed: an unchanged one keeps its selection, and is not announced again. @param {Node} node @param {string} text */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A table whose first column holds the row headers.
 *
 * @param {string} caption for screen readers
 * @param {readonly string[]} heads
 * @param {readonly (readonly string[])[]} rows
 */
export function table(caption, heads, rows) {
  // An empty corner is not a header.
  const head = element('tr', '', ...heads.map((text) => (text === '' ? element('td') : scoped('col', text))));
  const body = rows.map(([first = '', ...cells]) =>
    element('tr', '', scoped('row', first), ...cells.map((text) => element('td', '', text))),
  );
  return element(
    'table',
    '',
    element('caption', 'unseen', caption),
    element('thead', '', head),
    element('tbody', '', ...body),
  );
}

/** @param {'col' | 'row'} scope @param {string} text */
function scoped(scope, text) {
  const cell = element('th', '', text);
  cell.scope = scope;
  return cell;
}
