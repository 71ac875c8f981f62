// What a team would have logged, sent the way the MLflow client sends it.
import { deflateSync, crc32 } from 'node:zlib';

// client talks to the REST API of the server at url, with an Authorization header if one is given.
export function client(url, authorization) {
  const headers = authorization ? { authorization } : {};
  const call = async (method, path, body, type = 'application/json') => {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const answer = await fetch(url + path, {
      method, body: body === undefined || raw ? body : JSON.stringify(body), headers: { ...headers, ...(body === undefined ? {} : { 'content-type': type }) },
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : {};
  };
  const post = (path, body) => call('POST', `/api/2.0/mlflow/${path}`, body);
  return {
    post,
    get: (path) => call('GET', path),
    experiment: async (name, tags = {}) => (await post('experiments/create', { name, tags: pairs(tags) })).experiment_id,
    run: async (experiment, name, { start, end, status = 'FINISHED', tags = {}, params = {}, metrics = [], user = 'mia' } = {}) => {
      const { run } = await post('runs/create', { experiment_id: experiment, run_name: name, user_id: user, start_time: start ?? Date.now() - 60_000, tags: pairs(tags) });
      const id = run.info.run_id;
      if (metrics.length || Object.keys(params).length) await post('runs/log-batch', { run_id: id, metrics: metrics.slice(0, 900), params: pairs(params) });
      for (let at = 900; at < metrics.length; at += 900) await post('runs/log-batch', { run_id: id, metrics: metrics.slice(at, at + 900) });
      if (status !== 'RUNNING') await post('runs/update', { run_id: id, status, end_time: end ?? Date.now() });
      return { id, artifacts: run.info.artifact_uri };
    },
    // file puts bytes where the run or model keeps its artifacts.
    file: (at, name, body) => call('PUT',
      `/api/2.0/mlflow-artifacts/artifacts/${at.artifacts.replace(/^mlflow-artifacts:\/+/, '')}/${name.split('/').map(encodeURIComponent).join('/')}`, body, 'application/octet-stream'),
    model: async (experiment, name, run) => {
      const { model } = await post('logged-models', {
        experiment_id: experiment, name, source_run_id: run, model_type: 'sklearn',
        params: pairs({ C: '1.0', class_weight: 'None', solver: 'lbfgs' }), tags: pairs({ stage: 'candidate' }),
      });
      return { id: model.info.model_id, artifacts: model.info.artifact_uri };
    },
    ready: (model) => call('PATCH', `/api/2.0/mlflow/logged-models/${model}`, { model_id: model, status: 'LOGGED_MODEL_READY' }),
  };
}

const pairs = (object) => Object.entries(object).map(([key, value]) => ({ key, value: String(value) }));

// inTurns does many things, a few at a time.
export async function inTurns(items, act, wide = 8) {
  const left = [...items.entries()];
  const out = [];
  await Promise.all(Array.from({ length: wide }, async () => {
    for (let next = left.shift(); next; next = left.shift()) out[next[0]] = await act(next[1], next[0]);
  }));
  return out;
}

// png is a picture with a gradient.
export function png(width = 320, height = 200) {
  const chunk = (type, body) => {
    const b = Buffer.concat([Buffer.from(type), body]);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(body.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(checksum(b));
    return Buffer.concat([size, b, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB
  const lines = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) lines.set([(x * 255) / width, (y * 255) / height, 160], y * (1 + width * 3) + 1 + x * 3);
  }
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk('IHDR', head), chunk('IDAT', deflateSync(lines)), chunk('IEND', Buffer.alloc(0))]);
}

// checksum is CRC-32; zlib has it from node 22 on.
function checksum(bytes) {
  if (crc32) return crc32(bytes);
  let c = ~0;
  for (const b of bytes) {
    c ^= b;
    for (let i = 0; i < 8; i++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
  }
  return ~c >>> 0;
}

const wave = (i, n) => ((i * 7919 + n * 104729) % 1000) / 1000; // always the same, and spread

// team seeds the experiment that most tests look at: many runs, one long one, one nested, and a model.
export async function team(api, { runs = 118 } = {}) {
  const now = Date.now();
  const hour = 3_600_000;
  const fraud = await api.experiment('fraud-detection', { team: 'risk', 'mlflow.note.content': 'Card fraud, gradient boosting. Weekly retraining on the last 90 days.' });
  const statuses = ['FINISHED', 'FINISHED', 'FINISHED', 'FINISHED', 'FAILED', 'KILLED', 'RUNNING'];
  await inTurns(Array.from({ length: runs }), (_, i) => {
    const start = now - (runs - i) * 3 * hour;
    const values = { val_auc: 0.82 + 0.11 * wave(i, 1), val_loss: 0.6 - 0.3 * wave(i, 2), precision: wave(i, 3), recall: wave(i, 4), latency_ms: 5 + 90 * wave(i, 5), rows: 1e6 * (1 + i) };
    return api.run(fraud, `xgb-${String(i + 1).padStart(3, '0')}`, {
      start, end: start + 60_000 + i * 11_000, status: statuses[i % statuses.length], user: ['mia', 'noor', 'jonas'][i % 3],
      params: { max_depth: 4 + (i % 6), learning_rate: [0.01, 0.03, 0.1][i % 3], subsample: (0.5 + (i % 5) / 10).toFixed(1), objective: 'binary:logistic', 'feature set': ['base', 'base+graph'][i % 2] },
      metrics: Object.entries(values).filter(([key]) => key !== 'recall' || i % 4).map(([key, value]) => ({ key, value, step: 0, timestamp: start + 50_000 })),
    });
  });
  const points = [];
  const names = { loss: (x) => 2 * Math.exp(-x / 400), accuracy: (x) => 1 - 0.6 * Math.exp(-x / 300), 'val/loss': (x) => 0.2 + 2 * Math.exp(-x / 380), 'val/accuracy': (x) => 0.95 - 0.6 * Math.exp(-x / 310), learning_rate: (x) => 0.001 * Math.cos((x / 2000) * 1.5), 'system/cpu_utilization_percentage': (x) => 60 + 30 * Math.sin(x / 40) };
  for (const [n, [key, value]] of Object.entries(names).entries()) {
    for (let step = 0; step < 2000; step++) points.push({ key, step, timestamp: now - 2 * hour + step * 3000, value: value(step) * (1 + 0.04 * (wave(step, n) - 0.5)) });
  }
  const long = await api.run(fraud, 'transformer-long', {
    start: now - 2 * hour, end: now - hour, user: 'noor', metrics: points,
    params: { layers: 12, heads: 8, optimizer: 'adamw', warmup: 200, 'a rather long parameter name': 'and a value that goes on and on, as prompts and paths do: s3://bucket/with/a/very/long/path/to/a/file.parquet' },
    tags: {
      'mlflow.source.name': 'train.py', 'mlflow.source.type': 'LOCAL', 'mlflow.user': 'noor', 'mlflow.source.git.commit': '0123456789abcdef0123456789abcdef01234567',
      'mlflow.source.git.repoURL': 'https://git.example.org/risk/fraud.git', 'mlflow.note.content': 'Tried a longer warm-up.\n\nBetter than xgb-012, worse on night traffic.', team: 'risk', data: '2026-w45',
    },
  });
  const nested = await api.run(fraud, 'fold-1', { start: now - 2 * hour, end: now - hour, tags: { 'mlflow.parentRunId': long.id }, metrics: [{ key: 'val_auc', value: 0.9, step: 0, timestamp: now - hour }] });
  await api.post('runs/log-inputs', {
    run_id: long.id, datasets: [
      { tags: [{ key: 'mlflow.data.context', value: 'train' }], dataset: { name: 'transactions', digest: '00cf16ce', source_type: 'http', source: '{"url": "https://data.example.org/transactions/2026-w45.parquet"}' } },
      { tags: [{ key: 'mlflow.data.context', value: 'eval' }], dataset: { name: 'transactions-night', digest: '9ab1c2d3', source_type: 'local', source: '{"uri": "data/night.parquet"}' } },
    ],
  });
  for (const [name, body] of Object.entries(files)) await api.file(long, name, body);
  const model = await api.model(fraud, 'fraud-scorer', long.id);
  for (const [name, body] of [['MLmodel', 'artifact_path: model\nflavors:\n  python_function:\n    loader_module: mlflow.sklearn\n'], ['conda.yaml', 'name: mlflow-env\n'], ['code/score.py', 'print(1)\n'], ['model.skops', Buffer.alloc(2048, 7)]]) {
    await api.file(model, name, body);
  }
  await api.ready(model.id);
  await api.post('runs/outputs', { run_id: long.id, models: [{ model_id: model.id, step: 0 }] });
  await api.post('runs/log-batch', { run_id: long.id, metrics: [{ key: 'test_auc', value: 0.912345, step: 0, timestamp: now - hour, model_id: model.id, dataset_name: 'transactions-night', dataset_digest: '9ab1c2d3' }] });
  const empty = await api.experiment('churn-baseline');
  const longName = await api.experiment(`${'an-experiment-with-a-name-that-somebody-made-from-all-its-settings-'.repeat(3)}end`, { owner: 'platform', note: 'a tag value that is longer than a column should ever be' });
  const accents = await api.experiment('Übersetzung ½ – naïve Bäume');
  const deleted = await api.experiment('old-attempts');
  await api.post('experiments/delete', { experiment_id: deleted });
  return { fraud, long, nested, model, empty, longName, accents, deleted };
}

export const files = {
  'report.txt': 'Validation report\n\nThe model is better in daylight. It should not be used at night, when the share of fraud is four times higher and the data are eleven days old.\n',
  'notes.md': '# Notes\n\n* one\n* two\n',
  'config.json': '{"learning_rate":0.001,"layers":[64,64,32],"name":"transformer"}',
  'train.py': 'import mlflow\n\nfor step in range(100):\n    mlflow.log_metric("loss", 1 / (step + 1), step=step)  # a line that is wider than a telephone, as lines of code often are\n',
  'table.csv': `segment,precision,recall,comment\n${Array.from({ length: 60 }, (_, i) => `s${i},0.${90 - i},0.${30 + i},"row ${i}, with a comma"`).join('\n')}\n`,
  'roc.png': png(),
  'report.html': '<!doctype html><title>Report</title><h1>Report</h1><p>All fine.</p>',
  'drawing.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10"/></svg>',
  'weights.bin': Buffer.from([0, 1, 2, 3, 255, 254]),
  'folder/deep/übersicht 2026 (final).txt': 'Ein Name mit Leerzeichen und Umlaut.\n',
};
