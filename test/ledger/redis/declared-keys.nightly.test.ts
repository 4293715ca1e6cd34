import { test } from 'uvu';
import { joinLua, LIBRARY, luaFiles } from '../../../src/ledger/redis/library.ts';
import { conformance } from '../conformance.ts';
import { openRedis } from './open-redis.ts';
import { operate } from './operate.ts';
import { RedisServer } from './redis-server.ts';

// A function that writes is told every key that it may touch: in a cluster, keys that move are checked before it runs. Here
// the library is one that checks each command of a function against the keys of its call.

const BIND = 'call, pack, unpack, spread = redis.call, struct.pack, struct.unpack, _G.unpack';
const CHECKED = `call, pack, unpack, spread = checked_call, struct.pack, struct.unpack, _G.unpack`;
const RUN = "    if slot == '' then return";
const CHECK = `    declared = flags ~= READS and keys or nil
${RUN}`;
const CHECKED_CALL = `
local declared
local function checked_call(command, key, ...)
  if key == nil then return redis.call(command) end
  if declared and command ~= 'PUBLISH' then
    local is_declared = false
    for _, each in ipairs(declared) do is_declared = is_declared or each == key end
    if not is_declared then error('undeclared key ' .. key) end
  end
  return redis.call(command, key, ...)
end
`;

function checkedLibrary(): string {
  const files = luaFiles();
  const path = 'includes/redis.lua';
  const plain = files.get(path) ?? '';
  const checked = CHECKED_CALL + plain.replace(BIND, CHECKED).replace(RUN, CHECK);
  if (!checked.includes(CHECKED) || !checked.includes(CHECK)) throw new Error(`${path} has changed`);
  files.set(path, checked);
  return `#!lua name=${LIBRARY}\nlocal LIBRARY = '${LIBRARY}'\n${joinLua(files)}`;
}

let shared: Promise<RedisServer> | undefined;
let roots = 0;

async function checkedServer(): Promise<RedisServer> {
  const server = await RedisServer.start();
  await operate(server, 'FUNCTION', 'LOAD', checkedLibrary());
  return server;
}

conformance('Redis with checked keys', async () => {
  shared ??= checkedServer();
  const { socketUrl } = await shared;
  const root = `{checked-${roots++}}:`;
  return {
    open: (processorNames, outbox) => openRedis(socketUrl, { processorNames, root, outbox }),
    dispose: async () => {},
  };
});

test.after(async () => (await shared)?.stop());
test.run();
