// What somebody logged to harm the reader is text, everywhere.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, settled } from './lib/browser.js';
import { client, png } from './lib/seed.js';
import { startServer } from './lib/server.js';

const script = '<script>alert(1)</script>';
const image = '"><img src=x onerror=alert(2)>';
const breaks = `</script></template></style>${script}`;
const html = `<!doctype html><body onload=alert(3)>${script}${image}`;

let server, browser, api;
const ids = {};
before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  api = client(server.url);
  ids.experiment = await api.experiment(`${script}${image}`, { team: image, 'mlflow.note.content': breaks });
  const run = await api.run(ids.experiment, `run ${script}${image}`, {
    user: `mia${image}`, params: { lr: breaks, path: image },
    metrics: [{ key: 'loss', value: 1, step: 0, timestamp: 1 }, { key: 'loss', value: 0.5, step: 1, timestamp: 2 }, { key: 'not a number', value: 'NaN', step: 0, timestamp: 1 }, { key: 'endless', value: 'Infinity', step: 0, timestamp: 1 }],
    tags: {
      colour: `${script}${image}`, 'mlflow.note.content': html, 'mlflow.source.name': 'javascript:alert(4)', 'mlflow.source.type': image,
      'mlflow.source.git.commit': `abc${image}`, 'mlflow.source.git.repoURL': 'https://example.org/"onmouseover="alert(5)',
    },
  });
  ids.run = run.id;
  ids.other = (await api.run(ids.experiment, 'javascript', { tags: { 'mlflow.source.git.commit': 'abc', 'mlflow.source.git.repoURL': 'javascript:alert(6)//', colour: 'blue' } })).id;
  await api.post('runs/log-inputs', { run_id: run.id, datasets: [{ tags: [{ key: 'mlflow.data.context', value: image }], dataset: { name: script, digest: 'abc', source_type: image.slice(0, 20), source: breaks } }] });
  ids.files = {
    'page.html': html, 'notes.md': `# ${script}\n\n[click](javascript:alert(7)) ${image}`, 'table.csv': `${script},"=cmd|' /C calc'!A0"\n${image.replaceAll('"', '""')},${html}\n`, 'data.json': JSON.stringify({ [script]: image }),
    'drawing.svg': `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(8)"><script>alert(9)</script></svg>`, 'not-a-picture.png': html, 'picture.png': png(8, 8),
    [`${image.replaceAll('/', '')}.txt`]: script, '<script>alert(10)': 'a name',
  };
  for (const [name, body] of Object.entries(ids.files)) await api.file(run, name, body);
  const model = await api.model(ids.experiment, 'model', run.id);
  ids.model = model.id;
  await api.post('runs/outputs', { run_id: run.id, models: [{ model_id: model.id, step: 0 }] });
  const gone = await api.run(ids.experiment, `gone ${image}`, { tags: { colour: script } });
  await api.post('runs/delete', { run_id: gone.id });
  await api.post('experiments/delete', { experiment_id: await api.experiment(`gone ${breaks}`) });
  await api.file(model, `MLmodel ${image.replaceAll('/', '')}`, html);
});
after(async () => { await browser?.close(); await server?.stop(); });

test('names with markup are refused where the protocol forbids them', async () => {
  for (const key of [script, image]) {
    await assert.rejects(api.post('runs/log-metric', { run_id: ids.run, key, value: 1, timestamp: 1, step: 0 }), / 400 /);
    await assert.rejects(api.post('runs/log-parameter', { run_id: ids.run, key, value: '1' }), / 400 /);
  }
});

test('pages show it and run none of it', async () => {
  const tab = await open(browser);
  const { page } = tab;
  const run = `/runs/${ids.run}`;
  const file = (path) => `${run}?${new URLSearchParams({ tab: 'artifacts', path })}`;
  const look = async (path, ...words) => {
    await page.goto(server.url + path);
    await settled(page);
    const shown = await page.locator('body').innerText();
    for (const word of words) assert.ok(shown.includes(word), `${path} shows ${word}`);
    const live = await page.evaluate(() => ({
      scripts: [...document.scripts].filter((s) => !s.src && s.type !== 'application/json').length, handlers: [...document.querySelectorAll('*')].filter((e) => e.getAttributeNames().some((n) => n.startsWith('on'))).length,
      foreign: [...document.querySelectorAll('[href^="javascript:" i], [src="x"]')].length, styles: document.querySelectorAll('main [style]:not(.chart *), main style').length,
    }));
    assert.deepEqual(live, { scripts: 0, handlers: 0, foreign: 0, styles: 0 }, path);
  };
  await look('/experiments', script);
  await look(`/experiments/${ids.experiment}`, script, image, breaks);
  await look(run, script, image, html);
  for (const name of ['charts', 'parameters', 'artifacts', 'models', 'lineage', 'notes']) await look(`${run}?tab=${name}`);
  await look(`${run}?tab=notes&edit=note`);
  await look(`${run}?tab=parameters&with=${ids.other}`, image);
  await look(`${run}?tab=parameters`, breaks);
  await look(file('page.html'));
  await page.frameLocator('iframe').locator('img').waitFor({ state: 'attached' });
  const refused = tab.problems.splice(0); // the frame shows the file, and the browser refuses what it tries
  assert.ok(refused.length > 0 && refused.every((p) => /frame is sandboxed|Content Security Policy|^request: .* csp$/.test(p)), refused.join('\n'));
  await look(`${file('page.html')}&view=source`, html);
  await look(file('notes.md'), 'click', image);
  await look(`${file('notes.md')}&view=source`, 'javascript:alert(7)', image);
  await look(file('table.csv'), script);
  await look(file('data.json'), script);
  await look(file('drawing.svg'));
  await page.waitForFunction(() => document.querySelector('.preview img')?.complete);
  await look(`${file('drawing.svg')}&view=source`, 'onload="alert(8)"');
  for (const name of Object.keys(ids.files)) if (name.includes('<')) await look(file(name), name);
  await look(`/logged-models/${ids.model}`, image.replaceAll('/', ''));
  await page.goto(server.url + file('not-a-picture.png'));
  await page.waitForFunction(() => document.querySelector('.preview img')?.complete);
  const two = `/compare?run=${ids.run}&run=${ids.other}`;
  await look('/', script);
  await look(`/search?${new URLSearchParams({ q: 'img src' })}`, image);
  await look(`/experiments/${ids.experiment}/about`, breaks);
  for (const more of ['tree=1', new URLSearchParams({ group: 'tags.colour' }), new URLSearchParams({ group: 'params.path' })]) await look(`/experiments/${ids.experiment}?${more}`, script);
  await look(`/experiments/${ids.experiment}?${new URLSearchParams([['col', 'params.lr'], ['col', `tags.${image}`], ['user', image]])}`, image);
  await look(`/experiments/${ids.experiment}/columns?${new URLSearchParams([['q', script], ['col', `metrics.${image}`]])}`, image);
  await look(two, breaks, `run ${script}`);
  for (const view of ['scatter', 'parallel', 'box', 'images']) await look(`${two}&${new URLSearchParams({ view, group: 'tags.colour', by: 'params.path', sx: 'params.lr', sy: 'metrics.loss', q: '' })}`, `run ${script}`);
  await look(`${two}&add=${encodeURIComponent('img src')}`);
  await look('/trash', image);
  await look('/trash?kind=experiments');
  tab.expect(400, 404);
  for (const path of [`/experiments/${ids.experiment}?${new URLSearchParams({ filter: `${image} = ${script}` })}`, `/experiments?${new URLSearchParams({ q: `name = ${image}` })}`, `/${script}`, `/runs/${encodeURIComponent(image)}`, file(`../${script}`),
    `/experiments?${new URLSearchParams({ order: image, view: script, token: script })}`]) await look(path);
  tab.clean('hostile pages');
  await tab.close();
});

test('a hostile file opened by its address is a download', async () => {
  const tab = await open(browser);
  for (const path of [...['page.html', 'drawing.svg', 'notes.md'].map((p) => `/get-artifact?run_id=${ids.run}&path=${p}`), `/runs/${ids.run}/image?path=drawing.svg`, `/runs/${ids.run}/image?path=page.html`, `/runs/${ids.run}/frame?path=page.html`, `/runs/${ids.run}/frame?path=drawing.svg`,
    `/logged-models/${ids.model}/file?${new URLSearchParams({ path: `MLmodel ${image.replaceAll('/', '')}` })}`]) {
    const [download] = await Promise.all([tab.page.waitForEvent('download'), tab.page.goto(server.url + path).catch((e) => { if (!/Download is starting|ERR_ABORTED/.test(e.message)) throw e; })]);
    assert.ok(download.suggestedFilename(), path);
  }
  tab.clean('downloads');
  await tab.close();
});

test('what is typed and saved in the browser is text too', async () => {
  const tab = await open(browser);
  const { page } = tab;
  await page.goto(`${server.url}/experiments/${ids.experiment}`);
  await page.getByRole('button', { name: 'Save view' }).click();
  await page.fill('#view-name-new', image);
  await page.getByRole('button', { name: 'Save as new view' }).click();
  await page.getByRole('navigation', { name: 'Saved views' }).getByText(image).waitFor();
  await page.getByRole('link', { name: /^Columns/ }).click();
  await page.locator('#drawer[open] #picked').waitFor();
  await page.fill('#picker-q', image);
  await page.locator('#drawer').getByText('No other key').waitFor();
  await page.locator('#drawer').getByRole('button', { name: 'Close' }).click();
  await page.fill('#filter-query', '');
  await page.locator('#filter-query').pressSequentially('tags.col');
  await page.getByRole('option').filter({ hasText: 'colour' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('h1').click();
  await page.keyboard.press('Control+k');
  await page.locator('#palette[open]').waitFor();
  await page.keyboard.type('img src');
  await page.locator('#palette-found').getByText(image).first().waitFor();
  assert.equal(await page.locator('#palette [src="x"], #palette script').count(), 0);
  tab.clean('typed'); // a dialog or a refused script would be a problem of the page
  await tab.close();
});
