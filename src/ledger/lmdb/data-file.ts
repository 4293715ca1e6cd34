import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** The file of an LMDB ledger, within its directory. */
export const DATA_FILE = 'data.mdb';

/** Whether there is a ledger in a directory. Opening one creates it. */
export function hasDataFile(directory: string): boolean {
  return existsSync(join(directory, DATA_FILE));
}

/**
 * LMDB's native code crashes if `data.mdb` is damaged, so this is checked before it opens the file.
 *
 * The file begins with two meta pages, written alternately; the one with the higher transaction number is current. All
 * numbers are little-endian. A meta page:
 *
 * | offset | bytes | field       | expected                                                    |
 * |--------|-------|-------------|-------------------------------------------------------------|
 * | 18     | 2     | flags       | has 0x08: a meta page                                       |
 * | 24     | 4     | magic       | 0xBEEFC0DE                                                  |
 * | 28     | 2     | version     | 2                                                           |
 * | 48     | 4     | page size   | a power of two from 512 to 65536, the same in both          |
 * | 54     | 2     | depth       | of the tree of free pages: at most 32                       |
 * | 88     | 8     | root        | of the tree of free pages: none, or a page of the file      |
 * | 102    | 2     | depth       | of the main tree: at most 32                                |
 * | 136    | 8     | root        | of the main tree: none, or a page of the file               |
 * | 144    | 8     | last page   |                                                             |
 * | 152    | 8     | transaction |                                                             |
 *
 * A page of a tree: flags at 18 (0x01 branch, 0x02 leaf), twice the number of its nodes at 20, and from 24 the
 * position of each node, 2 bytes, counted from 24. A node: 6 bytes of page number (in a branch), or 4 of length and
 * 2 of flags (in a leaf); 2 of key length; the key; the value. A value with flag 0x01 is the 8-byte number of the
 * first of the pages that hold it. One with flag 0x02 is a tree, with its depth at 6 and its root at 40.
 */
const META_FLAG = 0x08;
const BRANCH_FLAG = 0x01;
const LEAF_FLAG = 0x02;
const LONG_VALUE_FLAG = 0x01;
const TREE_VALUE_FLAG = 0x02;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;
const META_BYTES = 160;
const PAGE_HEADER_BYTES = 24;
const NODE_HEADER_BYTES = 8;
const TREE_BYTES = 48;
const DEPTH_MAX = 32;
const NO_PAGE = 2n ** 64n - 1n;

interface Tree {
  readonly depth: number;
  readonly root: bigint;
}

interface Meta {
  readonly pageBytes: number;
  readonly trees: readonly Tree[];
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/** The file and its number of complete pages. */
interface Pages {
  readonly file: number;
  readonly pageBytes: number;
  readonly count: bigint;
}

/**
 * What is wrong with a ledger's data file, as the end of a sentence that begins with its path; null if LMDB can open it.
 * An empty file is a new ledger. Throws the system error if the file cannot be read.
 */
export function dataFileFault(path: string): string | null {
  const file = openSync(path, 'r');
  try {
    return fstatSync(file).size === 0 ? null : faultOf(file);
  } finally {
    closeSync(file);
  }
}

function faultOf(file: number): string | null {
  const metas = readMetas(file);
  if (typeof metas === 'string') return metas;
  const latest = metas.reduce((one, other) => (other.transaction > one.transaction ? other : one));
  const { pageBytes, lastPage, transaction, trees } = latest;
  const pages: Pages = { file, pageBytes, count: BigInt(Math.floor(fstatSync(file).size / pageBytes)) };
  if (lastPage < pages.count) return null;
  // LMDB does not write pages at the end that are already free. Nothing in its trees refers to them.
  if (trees.every((tree) => isWhole(pages, tree, false))) return null;
  const now = readMetas(file);
  // If another process has committed meanwhile, the pages that were read may belong to different versions.
  if (typeof now !== 'string' && now.some((meta) => meta.transaction > transaction)) return null;
  return `is truncated: it has ${pages.count} pages and needs up to ${lastPage + 1n}`;
}

function readMetas(file: number): readonly Meta[] | string {
  const first = readMeta(file, 0);
  if (typeof first === 'string') return first;
  const second = readMeta(file, first.pageBytes);
  if (typeof second === 'string') return second;
  if (first.pageBytes !== second.pageBytes) return 'is damaged: its two meta pages have different page sizes';
  return [first, second];
}

function readMeta(file: number, at: number): Meta | string {
  const bytes = readAt(file, at, META_BYTES);
  if (bytes === null) return 'is too short for an LMDB data file';
  const hasMagic = (bytes.readUInt16LE(18) & META_FLAG) !== 0 && bytes.readUInt32LE(24) === MAGIC;
  if (!hasMagic) return at === 0 ? 'is not an LMDB data file' : 'is damaged: its second meta page is invalid';
  const version = bytes.readUInt16LE(28);
  if (version !== VERSION) return `has LMDB data format ${version}; expected format ${VERSION}`;
  const pageBytes = bytes.readUInt32LE(48);
  const isPageSize =
    pageBytes >= PAGE_BYTES_MIN && pageBytes <= PAGE_BYTES_MAX && (pageBytes & (pageBytes - 1)) === 0;
  const trees = [readTree(bytes, 48), readTree(bytes, 96)];
  const lastPage = bytes.readBigUInt64LE(144);
  const areTrees = trees.every(
    ({ depth, root }) => depth <= DEPTH_MAX && (root === NO_PAGE || root <= lastPage),
  );
  if (!isPageSize || !areTrees) return 'is damaged: its meta page has impossible values';
  return { pageBytes, trees, lastPage, transaction: bytes.readBigUInt64LE(152) };
}

function readTree(bytes: Buffer, at: number): Tree {
  return { depth: bytes.readUInt16LE(at + 6), root: bytes.readBigUInt64LE(at + 40) };
}

/** Whether every page of a tree is in the file. `nested`: the tree is a value of another tree. */
function isWhole(pages: Pages, { depth, root }: Tree, nested: boolean): boolean {
  if (root === NO_PAGE) return true;
  if (depth < 1 || depth > DEPTH_MAX || root >= pages.count) return false;
  const page = readAt(pages.file, Number(root) * pages.pageBytes, pages.pageBytes);
  if (page === null || (page.readUInt16LE(18) & (depth > 1 ? BRANCH_FLAG : LEAF_FLAG)) === 0) return false;
  const end = PAGE_HEADER_BYTES + page.readUInt16LE(20);
  if (end > page.length) return false;
  for (let pointer = PAGE_HEADER_BYTES; pointer < end; pointer += 2) {
    const at = PAGE_HEADER_BYTES + page.readUInt16LE(pointer);
    if (at + NODE_HEADER_BYTES > page.length) return false;
    if (depth > 1) {
      const child = { depth: depth - 1, root: BigInt(page.readUIntLE(at, 6)) };
      if (!isWhole(pages, child, nested)) return false;
    } else if (!isValueWhole(pages, page, at, nested)) return false;
  }
  return true;
}

function isValueWhole(pages: Pages, page: Buffer, at: number, nested: boolean): boolean {
  const flags = page.readUInt16LE(at + 4);
  const value = at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6);
  if ((flags & LONG_VALUE_FLAG) !== 0) {
    if (value + 8 > page.length) return false;
    const length = BigInt(PAGE_HEADER_BYTES + page.readUInt32LE(at));
    const pageBytes = BigInt(pages.pageBytes);
    return page.readBigUInt64LE(value) + (length + pageBytes - 1n) / pageBytes <= pages.count;
  }
  if ((flags & TREE_VALUE_FLAG) === 0) return true;
  return !nested && value + TREE_BYTES <= page.length && isWhole(pages, readTree(page, value), true);
}

function readAt(file: number, at: number, byteCount: number): Buffer | null {
  const bytes = Buffer.alloc(byteCount);
  return readSync(file, bytes, 0, byteCount, at) === byteCount ? bytes : null;
}
