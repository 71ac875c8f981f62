// A server of one's own for each test file: a free port, an empty data folder, no setting from outside.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const binary = resolve(process.env.SLIPWAY_BIN ?? join(import.meta.dirname, '../../../bin/slipway'));

const freePort = () => new Promise((done, failed) => {
  const probe = createServer();
  probe.once('error', failed);
  probe.listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => done(port));
  });
});

// until repeats ask until it gives something true; a test never waits for a fixed time.
export async function until(ask, what, seconds = 10) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((next) => { setTimeout(next, 20); });
  }
}

// startServer serves host:<free port>, under a path prefix if one is given. url is how a browser reaches it.
export async function startServer({ host = '127.0.0.1', prefix = '', flags = [] } = {}) {
  const port = await freePort();
  const data = await mkdtemp(join(tmpdir(), 'slipway-browser-'));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLIPWAY_')));
  const origin = `http://127.0.0.1:${port}`;
  const args = ['serve', '--addr', `${host}:${port}`, '--data', data, ...flags];
  if (prefix) args.push('--base-url', origin + prefix);
  const child = spawn(binary, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  process.once('exit', () => child.kill()); // also when a test file breaks off
  const said = { out: '', err: '' };
  child.stdout.on('data', (bytes) => { said.out += bytes; });
  child.stderr.on('data', (bytes) => { said.err += bytes; });
  const ended = new Promise((done) => { child.once('exit', done); child.once('error', (e) => { said.err += e; done(e); }); });
  let over = false;
  ended.then(() => { over = true; });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(data, { recursive: true, force: true });
  };
  try {
    await until(async () => {
      if (over) throw new Error(`the server ended: ${said.err}`);
      return fetch(`${origin}/health`).then((r) => r.ok, () => false);
    }, 'the server answers');
  } catch (e) {
    await stop();
    throw e;
  }
  return { url: origin + prefix, origin, prefix, data, said, stop };
}
