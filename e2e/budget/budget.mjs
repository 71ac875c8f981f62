// Weighs pages as a browser with an empty cache gets them: script KB over the wire, requests, first contentful paint,
// time to interactive, blocking time, layout shift, elements. With PEER it weighs an MLflow server's pages too, in
// turns, on the same data: the runs below are logged to both.
//
//   node e2e/budget/budget.mjs http://127.0.0.1:5000 [http://127.0.0.1:5001]
//
// Needs what e2e/browser has installed, and Chromium. The median of ROUNDS (5) is shown; pages over our own budget
// end it with an error. LIGHTHOUSE names Lighthouse's command (npm install lighthouse): our pages are then judged by
// it too, with the desktop preset.
import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';

const require = createRequire(new URL('../browser/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const [ours, peer] = process.argv.slice(2);
if (!ours) { console.error('usage: budget.mjs URL [PEER]'); process.exit(2); }
const rounds = Number(process.env.ROUNDS ?? 5);
const budget = { script: 60, requests: 12, blocking: 50, shift: 0.05, elements: 1500 };
const score = { performance: 95, accessibility: 100 };

// seed logs an experiment of a hundred runs, three of them with curves of a thousand points.
async function seed(url) {
  const post = async (route, body) => {
    const answer = await fetch(`${url}/api/2.0/mlflow/${route}`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    if (!answer.ok) throw new Error(`${route}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const { experiment_id: experiment } = await post('experiments/create', { name: `budget-${Date.now()}` });
  const runs = [];
  for (let i = 0; i < 100; i += 1) {
    const start = Date.now() - (100 - i) * 60_000;
    const { run } = await post('runs/create', { experiment_id: experiment, run_name: `run-${i}`, start_time: start });
    const id = run.info.run_id;
    const metrics = ['val_auc', 'val_ap', 'log_loss', 'p95_ms'].map((key, k) => ({ key, value: 0.5 + ((i * 7 + k * 13) % 50) / 100, step: 0, timestamp: start }));
    const params = Object.entries({ model: ['xgb', 'lgb', 'cat'][i % 3], depth: 4 + 2 * (i % 4), lr: [0.01, 0.03, 0.1][i % 3], estimators: 400 * (1 + (i % 4)), seed: 7 }).map(([key, value]) => ({ key, value: String(value) }));
    await post('runs/log-batch', { run_id: id, metrics, params });
    if (i >= 97) {
      for (let k = 0; k < 4; k += 1) {
        await post('runs/log-batch', { run_id: id, metrics: Array.from({ length: 1000 }, (_, s) => ({ key: `curve_${k}`, value: Math.exp(-s / 200) + Math.sin(s * 12.9898 + k) / 50, step: s, timestamp: start + s * 100 })) });
      }
      runs.push(id);
    }
    await post('runs/update', { run_id: id, status: 'FINISHED', end_time: start + 50_000 });
  }
  return { experiment, runs };
}

// What the page itself can tell of how it was painted.
const watch = () => {
  window.weighed = { long: [], shift: 0, quiet: performance.now() };
  new PerformanceObserver((list) => list.getEntries().forEach((e) => window.weighed.long.push([e.startTime, e.duration]))).observe({ type: 'longtask', buffered: true });
  new PerformanceObserver((list) => list.getEntries().forEach((e) => { if (!e.hadRecentInput) window.weighed.shift += e.value; })).observe({ type: 'layout-shift', buffered: true });
};

async function weigh(browser, url, ready) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, serviceWorkers: 'block' });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  let script = 0, requests = 0;
  const kinds = new Map();
  session.on('Network.requestWillBeSent', (e) => { if (!e.request.url.startsWith('data:')) requests += 1; });
  session.on('Network.responseReceived', (e) => kinds.set(e.requestId, [e.type, e.response.url]));
  session.on('Network.loadingFinished', (e) => {
    const [type, at] = kinds.get(e.requestId) ?? [];
    if (type === 'Script' && !/echarts/.test(at)) script += e.encodedDataLength;
  });
  await page.addInitScript(watch);
  await page.goto(url, { waitUntil: 'load', timeout: 60_000 });
  await page.waitForSelector(ready, { timeout: 60_000 });
  await page.waitForLoadState('networkidle', { timeout: 5_000 }).catch(() => {}); // a live page keeps its stream open
  const seen = await page.evaluate(() => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN;
    const long = window.weighed.long.filter(([start, took]) => start + took > paint);
    return {
      paint, shift: window.weighed.shift, elements: document.querySelectorAll('*').length,
      // The end of the last long task after the first paint (Lighthouse's definition, without its network window), or
      // the moment what was asked for is there.
      interactive: Math.max(paint, ...long.map(([start, took]) => start + took)),
      blocking: long.reduce((sum, [, took]) => sum + Math.max(0, took - 50), 0),
      there: performance.now(),
    };
  });
  await context.close();
  return { script: script / 1000, requests, ...seen };
}

const median = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];
const middle = (all) => Object.fromEntries(Object.keys(all[0]).map((k) => [k, median(all.map((one) => one[k]))]));

const servers = [['slipway', ours, await seed(ours)]];
if (peer) servers.push(['mlflow', peer, await seed(peer)]);
const pages = {
  runs: { slipway: (s) => [`/experiments/${s.experiment}`, '#runs-table tbody tr'], mlflow: (s) => [`/#/experiments/${s.experiment}/runs`, 'text=run-99'] },
  run: { slipway: (s) => [`/runs/${s.runs[0]}`, '.chart canvas'], mlflow: (s) => [`/#/experiments/${s.experiment}/runs/${s.runs[0]}`, 'text=curve_0'] },
  compare: {
    slipway: (s) => [`/compare?${s.runs.map((r) => `run=${r}`).join('&')}`, '.chart canvas'],
    mlflow: (s) => [`/#/compare-runs?runs=${JSON.stringify(s.runs)}&experiments=${JSON.stringify([s.experiment])}`, 'text=curve_0'],
  },
};
const path = process.env.CHROMIUM ?? execFileSync('sh', ['-c', 'command -v chromium || command -v google-chrome']).toString().trim();
const browser = await chromium.launch({ executablePath: path, args: ['--no-sandbox', '--disable-gpu'] });
const rows = [];
let over = false;
for (const [name, at] of Object.entries(pages)) {
  const found = Object.fromEntries(servers.map(([who]) => [who, []]));
  for (let i = 0; i < rounds; i += 1) {
    for (const [who, url, seeded] of servers) {
      const [where, ready] = at[who](seeded);
      found[who].push(await weigh(browser, url + where, ready));
    }
  }
  for (const [who] of servers) {
    const m = middle(found[who]);
    const broken = who === 'slipway' ? Object.entries(budget).filter(([k, most]) => m[k] > most).map(([k]) => k) : [];
    over ||= broken.length > 0;
    rows.push([name, who, `${m.script.toFixed(0)} KB`, m.requests, `${m.paint.toFixed(0)} ms`, `${m.interactive.toFixed(0)} ms`, `${m.there.toFixed(0)} ms`, `${m.blocking.toFixed(0)} ms`, m.shift.toFixed(3), m.elements, broken.join(' ')]);
  }
}
await browser.close();

// judge is Lighthouse's word on one page: its scores, of 100, and the audits that were not passed in full.
function judge(url) {
  const words = execFileSync(process.env.LIGHTHOUSE, [url, '--preset=desktop', '--output=json', '--quiet', `--only-categories=${Object.keys(score).join(',')}`, '--chrome-flags=--headless=new --no-sandbox'], { env: { ...process.env, CHROME_PATH: path }, maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
  const { categories, audits } = JSON.parse(words);
  const open = categories.accessibility.auditRefs.filter((a) => a.weight > 0 && audits[a.id].score !== null && audits[a.id].score < 1).map((a) => a.id);
  return { ...Object.fromEntries(Object.keys(score).map((k) => [k, Math.round(categories[k].score * 100)])), open };
}
const judged = [];
if (process.env.LIGHTHOUSE) {
  for (const [name, at] of Object.entries(pages)) {
    const [, url, seeded] = servers[0];
    const all = Array.from({ length: rounds }, () => judge(url + at.slipway(seeded)[0]));
    const low = Object.keys(score).filter((k) => median(all.map((a) => a[k])) < score[k]);
    over ||= low.length > 0;
    judged.push([name, ...Object.keys(score).map((k) => `${median(all.map((a) => a[k]))} (${all.map((a) => a[k]).join(' ')})`), [...low, ...new Set(all.flatMap((a) => a.open))].join(' ')]);
  }
}

const print = (head, lines) => {
  const wide = head.map((h, i) => Math.max(h.length, ...lines.map((r) => String(r[i]).length)));
  for (const row of [head, ...lines]) console.log(row.map((cell, i) => String(cell).padEnd(wide[i])).join('  ').trimEnd());
};
print(['page', 'server', 'script', 'requests', 'FCP', 'TTI', 'settled', 'blocking', 'shift', 'elements', 'over budget'], rows);
if (judged.length > 0) { console.log(); print(['Lighthouse', ...Object.keys(score), 'below'], judged); }
process.exit(over ? 1 : 0);
