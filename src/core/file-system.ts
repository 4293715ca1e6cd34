import { statfsSync } from 'node:fs';

/** The file system below a path: whether its files persist, and whether locks on them work. */
export interface FileSystem {
  /** The magic number of Linux's statfs; 0 on other systems. */
  readonly type: number;
  readonly name: string;
  /**
   * `local`: mounted by one kernel at a time. `memory`, `layered`: the same, but lost with the machine or the container.
   * `shared`: other machines or mounts may use the same files without seeing our locks and sockets. `unknown`: not in
   * the table below.
   */
  readonly kind: 'local' | 'memory' | 'layered' | 'shared' | 'unknown';
}

const KNOWN = new Map<number, readonly [name: string, kind: FileSystem['kind']]>([
  [0xef53, ['ext4', 'local']],
  [0x58465342, ['XFS', 'local']],
  [0x9123683e, ['Btrfs', 'local']],
  [0x2fc12fc1, ['ZFS', 'local']],
  [0xf2f52010, ['F2FS', 'local']],
  [0xca451a4e, ['bcachefs', 'local']],
  [0x4d44, ['FAT', 'local']],
  [0x2011bab0, ['exFAT', 'local']],
  [0x7366746e, ['NTFS', 'local']],
  [0x01021994, ['tmpfs', 'memory']],
  [0x858458f6, ['ramfs', 'memory']],
  [0x794c7630, ['overlay', 'layered']],
  [0x6969, ['NFS', 'shared']],
  [0xff534d42, ['CIFS', 'shared']],
  [0xfe534d42, ['SMB', 'shared']],
  [0x517b, ['SMB', 'shared']],
  [0x01021997, ['9p', 'shared']],
  [0x65735546, ['FUSE', 'shared']],
  [0x00c36400, ['Ceph', 'shared']],
  [0x786f4256, ['a VirtualBox share', 'shared']],
  [0x01161970, ['GFS2', 'shared']],
  [0x7461636f, ['OCFS2', 'shared']],
]);

/** Throws like `statfsSync`. */
export function fileSystemOf(path: string): FileSystem {
  if (process.platform !== 'linux') return { type: 0, name: 'the local file system', kind: 'local' };
  const { type } = statfsSync(path);
  return fileSystemOfType(type);
}

export function fileSystemOfType(type: number): FileSystem {
  const [name, kind] = KNOWN.get(type) ?? [`a file system of type 0x${type.toString(16)}`, 'unknown'];
  return { type, name, kind };
}
