// The runs table: what is found, shown, kept, ticked and taken away.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { axe, frame, launch, narrow, open } from './lib/browser.js';
import { client, inTurns } from './lib/seed.js';
import { startServer } from './lib/server.js';

const count = 44; // 40 on the first page
let server, browser, api, experiment, runs, parent, tab, page;
before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  api = client(server.url);
  experiment = await api.experiment('tuning');
  const now = Date.now();
  runs = await inTurns(Array.from({ length: count }), (_, i) => api.run(experiment, `run-${String(i).padStart(2, '0')}`, {
    start: now - (count - i) * 60_000, status: i % 4 ? 'FINISHED' : 'FAILED', user: ['mia', 'noor'][i % 2],
    params: { max_depth: 4 + (i % 3), 'feature set': 'base' }, tags: { team: 'risk' },
    metrics: [{ key: 'val_auc', value: 0.8 + i / 1000, step: 0, timestamp: now }, { key: 'val_loss', value: 1 - i / 100, step: 0, timestamp: now }, { key: 'latency', value: i, step: 0, timestamp: now }],
  }));
  parent = await api.run(experiment, 'sweep', { start: now });
  for (const n of [1, 2]) await api.run(experiment, `fold-${n}`, { start: now + n, tags: { 'mlflow.parentRunId': parent.id } });
});
after(async () => { await browser?.close(); await server?.stop(); });
beforeEach(async () => { tab = await open(browser, { reducedMotion: 'reduce' }); page = tab.page; });
afterEach(async () => { const { problems } = tab; await tab.close(); assert.deepEqual(problems, []); });

const go = (query = '') => page.goto(`${server.url}/experiments/${experiment}${query}`);
const query = () => new URL(page.url()).searchParams;
const rows = () => page.locator('#selection tbody tr');
const names = () => page.locator('#selection tbody th').allInnerTexts().then((all) => all.map((n) => n.trim()));
const flash = (words) => page.locator('.banner[role=status], .toast[role=status]', { hasText: words }).waitFor();
const box = (name) => page.locator('#selection tbody').getByLabel(`Select ${name}`, { exact: true });
const ticked = (words) => page.locator('[data-count]', { hasText: words }).waitFor();
// calm brings what is on its way to its end.
const calm = () => page.evaluate(() => document.getAnimations().forEach((a) => { if (a instanceof CSSTransition) a.finish(); }));
// bothThemes checks a state of the page in light and dark, once no colour is on its way to another.
const bothThemes = async (where) => {
  await axe(page, `${where}, light`);
  await page.emulateMedia({ colorScheme: 'dark' });
  await calm();
  await axe(page, `${where}, dark`, 'colour');
  await page.emulateMedia({ colorScheme: 'light' });
};
const focused = () => page.evaluate(() => document.activeElement.textContent.trim());

test('the filter completes keys and words', async () => {
  await go();
  const input = page.locator('#filter-query');
  await input.pressSequentially('metrics.val');
  const options = page.getByRole('option');
  await options.filter({ hasText: 'val_loss' }).waitFor();
  assert.deepEqual((await options.allInnerTexts()).map((o) => o.trim()).sort(), ['metrics.val_auc', 'metrics.val_loss']);
  await bothThemes('options of the filter');
  await page.keyboard.press('ArrowDown');
  assert.equal(await input.getAttribute('aria-activedescendant'), await page.locator('[role=option][aria-selected=true]').getAttribute('id'));
  await page.keyboard.press('Enter');
  assert.match(await input.inputValue(), /^metrics\.val_(auc|loss) $/);
  await options.filter({ hasText: '>=' }).waitFor();
  await input.fill('metrics.val_auc ');
  await input.press('Control+ ');
  await options.filter({ hasText: '>=' }).click();
  assert.equal(await input.inputValue(), 'metrics.val_auc >= ');
  await input.pressSequentially('0.84');
  await input.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('#selection tbody tr').length === 4);
  assert.equal(query().get('filter'), 'metrics.val_auc >= 0.84');
  await input.fill('params.feat');
  await options.filter({ hasText: 'feature set' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await input.inputValue(), 'params.`feature set` ', 'a key with a blank is quoted');
  await page.keyboard.press('Escape');
  await page.locator('#filter-complete').waitFor({ state: 'hidden' });
  assert.equal(await input.inputValue(), 'params.`feature set` ', 'Escape closes the options and keeps the text');
});

test('the filter completes values, quoted as they must be', async () => {
  const some = await api.experiment('words');
  for (const team of ["it's ours", 'risk', 'risk', 'growth']) await api.run(some, `by ${team}`, { user: 'noor', params: { 'feature set': team } });
  await page.goto(`${server.url}/experiments/${some}`);
  const input = page.locator('#filter-query');
  const options = page.getByRole('option');
  const offered = async (...want) => {
    await options.filter({ hasText: want.at(-1) }).waitFor();
    assert.deepEqual((await options.allInnerTexts()).map((o) => o.trim()), want);
  };
  await input.pressSequentially("params.`feature set` = '");
  await offered("'risk'", "'growth'", "'it''s ours'");
  await bothThemes('values');
  await input.pressSequentially("IT'");
  await options.filter({ hasText: 'growth' }).waitFor({ state: 'detached' });
  assert.equal(await options.count(), 0, 'the value is closed');
  await input.press('Backspace');
  await offered("'it''s ours'");
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await input.inputValue(), "params.`feature set` = 'it''s ours' ");
  await options.filter({ hasText: 'AND' }).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('#selection tbody tr').length === 1);
  await input.fill("user_id != 'n");
  await offered("'noor'");
  await input.fill("run_name = 'by risk' OR run_id IN ('x', \"nothing");
  await page.locator('#filter-complete').waitFor({ state: 'hidden' });
  await input.fill("status = 'FA' AND run_name = 'x'");
  await input.evaluate((e) => e.setSelectionRange(11, 11));
  await input.press('Control+ ');
  await offered("'FINISHED'");
  await options.first().click();
  assert.equal(await input.inputValue(), "status = 'FINISHED' AND run_name = 'x'", 'the rest of the value is replaced, not doubled');
});

test('typing right after the page was refreshed is answered, however late', async () => {
  await go();
  const input = page.locator('#filter-query');
  await input.focus();
  // What a refresh does, in the order in which a busy machine does it: the field is replaced while it has the focus,
  // and the words for what is typed next arrive after the old field has been given up.
  await page.route('**/keys?**', async (route) => {
    await page.waitForFunction(() => performance.now() > window.replaced + 250);
    await route.continue();
  });
  await page.evaluate(() => {
    const old = document.querySelector('#filter-query');
    const box = old.cloneNode(true);
    window.replaced = performance.now();
    old.replaceWith(box);
    box.focus();
  });
  await input.fill('params.feat');
  await page.getByRole('option').filter({ hasText: 'feature set' }).waitFor();
  await page.unroute('**/keys?**');
});

test('a filter that cannot be read is marked, and the rows stay', async () => {
  await go();
  const before = await names();
  const at = page.url();
  tab.expect(400);
  await page.fill('#filter-query', 'metrics.val_auc >> 1');
  await page.locator('#filter-query').press('Enter');
  await page.locator('#filter-error[role=alert]').waitFor();
  assert.equal(await page.locator('.caret mark').innerText(), '>');
  assert.deepEqual(await names(), before);
  assert.equal(page.url(), at);
  await bothThemes('a refused filter');
  await page.setViewportSize(narrow);
  await frame(page, 'en', 'a refused filter');
});

test('conditions are chips', async () => {
  await go();
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  const menu = page.locator('#add-filter:popover-open');
  await menu.getByLabel('Failed').check();
  await menu.locator('#filter-user').fill('mia');
  await bothThemes('the menu of filters');
  await menu.getByRole('button', { name: 'Apply' }).click();
  await page.waitForURL('**status=FAILED*');
  await page.waitForFunction(() => document.querySelectorAll('#selection tbody tr').length === 11);
  assert.deepEqual([query().getAll('status'), query().get('user')], [['FAILED'], 'mia']);
  await page.locator('.chips').getByRole('link', { name: /^Remove .*mia/ }).click();
  await page.waitForFunction(() => !location.search.includes('user='));
  assert.deepEqual(query().getAll('status'), ['FAILED']);
  await page.locator('.chips').getByRole('link', { name: /^Remove/ }).click();
  await page.waitForFunction(() => !location.search.includes('status='));
  assert.equal(await rows().count(), 40);
});

test('columns are picked in a drawer', async () => {
  await go();
  await page.getByRole('link', { name: /^Columns/ }).click();
  const drawer = page.locator('dialog#drawer[open]');
  await drawer.waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'picker-q');
  await bothThemes('the drawer');
  await page.setViewportSize(narrow);
  await calm();
  await frame(page, 'en', 'the drawer');
  await page.keyboard.type('team');
  await drawer.locator('#picker-found').getByLabel(/team/).check();
  await page.fill('#picker-q', 'nothing-like-it');
  await drawer.getByText('No other key').waitFor();
  assert.ok(await drawer.locator('#picked').getByLabel(/team/).isChecked(), 'what was ticked stays picked');
  await drawer.locator('#picked').getByLabel(/latency/).uncheck();
  await drawer.getByRole('button', { name: 'Apply' }).click();
  await page.waitForURL('**col=*');
  const columns = query().getAll('col');
  assert.ok(columns.includes('tags.team') && !columns.includes('metrics.latency'), String(columns));
  const heads = (await page.locator('#selection thead th').allInnerTexts()).map((h) => h.trim());
  assert.ok(heads.includes('team') && !heads.includes('latency'), String(heads));
});

test('groups, and back to the runs of one', async () => {
  await go();
  await page.getByRole('button', { name: 'Group', exact: true }).click();
  await page.fill('#group-by', 'params.max_depth');
  await bothThemes('the menu of groups');
  await page.locator('#group-menu').getByRole('button', { name: 'Apply' }).click();
  await page.waitForURL('**group=params.max_depth*');
  const groups = page.getByRole('region', { name: 'Groups of runs' }).first();
  await groups.locator('tbody tr').first().waitFor();
  assert.deepEqual((await groups.locator('tbody th').allInnerTexts()).map((g) => g.trim()), ['4', '5', '6', '(not set)']);
  await bothThemes('groups');
  await page.setViewportSize(narrow);
  await frame(page, 'en', 'groups');
  await groups.getByRole('link', { name: '5', exact: true }).click();
  await rows().first().waitFor();
  assert.match(query().get('filter'), /params\.max_depth = '5'/);
  assert.equal(await rows().count(), 15);
});

test('nested runs open and close', async () => {
  await go('?tree=1');
  assert.ok(!(await names()).some((n) => n.includes('fold-')), 'children are below their parent');
  const branch = page.locator(`#branch-${parent.id}`);
  assert.equal(await branch.getAttribute('aria-expanded'), 'false');
  await branch.focus();
  await page.keyboard.press('Enter');
  await rows().filter({ hasText: 'fold-2' }).waitFor();
  assert.deepEqual(query().getAll('open'), [parent.id]);
  assert.equal(await branch.getAttribute('aria-expanded'), 'true');
  assert.equal(await page.evaluate(() => document.activeElement.id), `branch-${parent.id}`, 'focus stays');
  await bothThemes('a tree of runs');
  await page.keyboard.press('Enter');
  await rows().filter({ hasText: 'fold-2' }).waitFor({ state: 'detached' });
});

test('a saved view has a tab and a short address', async () => {
  await go(`?${new URLSearchParams({ filter: 'metrics.val_auc > 0.83', order: 'metrics.val_auc DESC', col: 'metrics.val_auc' })}`);
  const seen = await names();
  await page.getByRole('button', { name: 'Save view' }).click();
  await page.fill('#view-name-new', 'the best');
  await bothThemes('the menu of views');
  await page.getByRole('button', { name: 'Save as new view' }).click();
  await flash('View the best saved.');
  const current = page.getByRole('navigation', { name: 'Saved views' }).locator('[aria-current]');
  assert.match(await current.innerText(), /the best/);
  await page.getByRole('button', { name: 'Save view' }).click();
  const link = await page.locator('#view-link').textContent();
  assert.match(link, new RegExp(`^${server.url}/v/\\w+$`));
  const other = await tab.context.newPage();
  await other.goto(link);
  assert.deepEqual((await other.locator('#selection tbody th').allInnerTexts()).map((n) => n.trim()), seen);
  assert.equal(await other.locator('th[aria-sort=descending]').innerText().then((t) => t.trim()), 'val_auc');
  await other.close();
});

test('what is ticked on two pages is tagged, then thrown away', async () => {
  const some = await api.experiment('to be cleaned');
  const made = await inTurns(Array.from({ length: 42 }), (_, i) => api.run(some, `old-${String(i).padStart(2, '0')}`, { start: 1e12 + i * 1000 }));
  await page.goto(`${server.url}/experiments/${some}`);
  await box('old-41').click();
  await box('old-39').click({ modifiers: ['Shift'] });
  await ticked('3 selected');
  await page.getByRole('link', { name: 'Next' }).click();
  await page.waitForURL('**token=*');
  await box('old-00').click();
  await ticked('4 selected');
  await bothThemes('the bar');
  await page.getByRole('button', { name: 'Tag', exact: true }).click();
  const dialog = page.locator('dialog#tag-runs[open]');
  await dialog.locator('#bulk-key').fill('reviewed');
  await dialog.locator('#bulk-value').fill('yes');
  await bothThemes('the dialog for tags');
  await dialog.getByRole('button', { name: 'Tag', exact: true }).click();
  await flash('4 runs tagged.');
  const tagged = async () => (await api.post('runs/search', { experiment_ids: [some], filter: "tags.reviewed = 'yes'", max_results: 100 })).runs?.map((r) => r.info.run_name).sort() ?? [];
  assert.deepEqual(await tagged(), ['old-00', 'old-39', 'old-40', 'old-41']);
  assert.equal(await page.locator('[data-bulk]').isVisible(), false, 'the selection is used up');
  await page.goto(`${server.url}/experiments/${some}`);
  await page.getByLabel('Select all runs of this page').check();
  await ticked('40 selected');
  await box('old-41').click();
  await page.getByRole('link', { name: 'Next' }).click();
  await page.waitForURL('**token=*');
  await box('old-01').click();
  await ticked('40 selected');
  await page.getByRole('button', { name: 'Move to trash' }).click();
  await flash('40 runs moved to the trash.');
  const { runs: left } = await api.post('runs/search', { experiment_ids: [some], max_results: 100 });
  assert.deepEqual(left.map((r) => r.info.run_id).sort(), [made[0].id, made[41].id].sort());
});

test('compare one run with another: the table begins with it ticked', async () => {
  const [first, second] = [runs[40], runs[41]];
  await page.goto(`${server.url}/runs/${first.id}`);
  await page.getByRole('link', { name: 'Compare' }).click();
  await page.waitForURL('**/experiments/*');
  await ticked('1 selected');
  assert.ok(await box('run-40').isChecked());
  assert.equal(await page.locator('tr.is-selected').count(), 1);
  assert.equal(query().has('selected'), false, 'the address is that of the table');
  await bothThemes('one run to be compared');
  await box('run-41').click();
  await ticked('2 selected');
  await page.getByRole('button', { name: 'Compare' }).click();
  await page.waitForURL('**/compare?*');
  assert.deepEqual(query().getAll('run'), [first.id, second.id]);
  await page.goBack();
  await ticked('2 selected');
  await box('run-40').click();
  await page.reload();
  await ticked('1 selected');
  assert.equal(await box('run-40').isChecked(), false, 'what was unticked is not ticked again');
  // Of another page, and beside those that are ticked; what is not here is nobody's.
  await go(`?selected=${runs[0].id}&selected=${runs[1].id}&selected=no-run`);
  await ticked('3 selected');
  await page.getByRole('link', { name: 'Next' }).click();
  await page.waitForURL('**token=*');
  await ticked('3 selected');
  assert.ok(await box('run-00').isChecked() && await box('run-01').isChecked());
  await box('run-00').click();
  await page.getByRole('link', { name: 'First', exact: true }).click();
  await ticked('2 selected');
  const plain = await open(browser, { javaScriptEnabled: false });
  await plain.page.goto(`${server.url}/experiments/${experiment}?selected=${first.id}&selected=${second.id}`);
  assert.equal(await plain.page.locator('#selection tbody input:checked').count(), 2);
  await plain.page.getByRole('button', { name: 'Compare' }).click();
  assert.equal(await plain.page.locator('h1').innerText(), 'Compare 2 runs');
  plain.clean('without scripts');
  await plain.close();
});

test('by keyboard: j, k, x and c', async () => {
  await go();
  const all = await names();
  for (const [key, name] of [['j', all[0]], ['j', all[1]], ['j', all[2]], ['k', all[1]]]) {
    await page.keyboard.press(key);
    assert.equal(await focused(), name, key);
  }
  await page.keyboard.press('c');
  assert.ok(page.url().includes('/experiments/'), 'nothing to compare yet');
  for (const key of ['x', 'j', 'x']) await page.keyboard.press(key);
  await ticked('2 selected');
  await page.keyboard.press('c');
  await page.waitForURL('**/compare?*');
  assert.equal(await page.locator('h1').innerText(), 'Compare 2 runs');
  await page.goBack();
  await ticked('2 selected');
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.locator('[data-bulk]').waitFor({ state: 'hidden' });
});

test('the table follows new runs, and stops when told', async () => {
  const some = await api.experiment('busy');
  await api.run(some, 'one');
  await page.goto(`${server.url}/experiments/${some}`);
  await page.evaluate(() => { window.marker = 1; });
  await box('one').click();
  await ticked('1 selected');
  await api.run(some, 'two');
  await rows().filter({ hasText: 'two' }).waitFor();
  assert.ok(await box('one').isChecked(), 'what is ticked stays ticked');
  const live = page.locator('#live-switch');
  assert.equal(await live.getAttribute('aria-pressed'), 'true');
  const closed = page.waitForEvent('requestfinished', (r) => r.url().includes('/live?')).catch(() => {});
  await live.click();
  await page.locator('#live-switch[aria-pressed=false]').waitFor();
  assert.equal(query().get('live'), '0');
  assert.equal(await page.locator('[data-live]').count(), 0, 'no stream is asked for');
  await api.run(some, 'three');
  await live.click();
  await rows().filter({ hasText: 'three' }).waitFor();
  assert.equal(await page.evaluate(() => window.marker), 1, 'all of it in one page');
  await closed;
});

test('the export has the columns that are shown, of all pages', async () => {
  const address = new URLSearchParams([['col', 'metrics.val_auc'], ['col', 'params.max_depth'], ['order', 'metrics.val_auc DESC'], ['filter', 'metrics.val_auc > 0.8']]);
  await go(`?${address}`);
  await page.getByRole('button', { name: 'Export' }).click();
  await bothThemes('the menu of exports');
  const [csv] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV', exact: true }).click()]);
  const lines = (await readFile(await csv.path(), 'utf8')).trim().split('\n');
  assert.deepEqual(lines[0].replace(/^\ufeff/, '').trim().split(','), ['run_id', 'run_name', 'status', 'start_time', 'end_time', 'user', 'metrics.val_auc', 'params.max_depth']);
  assert.equal(lines.length, 1 + 43);
  assert.match(lines[1].trim(), new RegExp(`^${runs[43].id},run-43,FINISHED,.*,noor,0\\.843\\d*,5$`));
});

test('menus fit a narrow screen', async () => {
  await page.setViewportSize(narrow);
  await go();
  await frame(page, 'en', 'the table');
  for (const [opens, menu] of [['Filter', '#add-filter'], ['Group', '#group-menu'], ['Save view', '#view-menu'], ['Export', '#export-menu']]) {
    await page.getByRole('button', { name: opens, exact: true }).click();
    await page.locator(`${menu}:popover-open`).waitFor();
    const beside = await page.locator(menu).evaluate((e) => { const b = e.getBoundingClientRect(); return b.left < 0 || b.right > innerWidth; });
    assert.equal(beside, false, `${opens} is on the screen`);
    await frame(page, 'en', opens);
    await page.keyboard.press('Escape');
    await page.locator(`${menu}:popover-open`).waitFor({ state: 'detached' });
  }
});
