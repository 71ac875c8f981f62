// Draws charts. A [data-chart] is drawn from the JSON block beside it, a [data-chart-src] from what its address answers.
// Both say what is drawn; how it looks comes from the design tokens, so that one chart serves both themes.
// The chart library is fetched when a page has a chart, data when its chart comes near the window.
const slipwayChart = {
  // smoothed is the exponential moving average of [x, y] points, debiased as TensorBoard does it:
  //   s_i = w·s_(i−1) + (1−w)·y_i,  s_0 = 0,  shown value = s_i / (1 − w^i)
  // so that the first values are not drawn towards zero. A gap (null) stays one and does not count; a curve that
  // is constant stays as it is, free of rounding. w is from 0 (nothing) to below 1.
  smoothed(points, w) {
    const ys = points.map((p) => p[1]).filter((y) => y !== null);
    if (!(w > 0) || ys.every((y) => y === ys[0])) return points;
    let s = 0;
    let n = 0;
    return points.map(([x, y]) => {
      if (y === null) return [x, null];
      s = w * s + (1 - w) * y;
      n += 1;
      return [x, s / (1 - w ** n)];
    });
  },
  // nearest is the point whose x is closest; points are in the order of x and gaps do not count.
  nearest(points, x) {
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle][0] < x) low = middle + 1; else high = middle;
    }
    let best;
    for (let i = low; i < points.length && !best; i++) if (points[i][1] !== null) best = points[i];
    for (let i = low - 1; i >= 0; i--) {
      if (points[i][1] === null) continue;
      return !best || x - points[i][0] < best[0] - x ? points[i] : best;
    }
    return best;
  },
};

(() => {
  'use strict';
  if (typeof document === 'undefined') return; // a test of the arithmetic above
  const DASH = ['solid', [6, 3], [2, 2], [8, 3, 2, 3]];
  const SYMBOL = ['circle', 'rect', 'triangle', 'diamond', 'roundRect', 'pin', 'arrow'];
  const drawn = new Map(); // element → { chart, option() }

  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const probe = document.createElement('span'); // reads the tokens; never shown
  document.head.append(probe);
  const token = (name) => { probe.style.color = `var(${name})`; return getComputedStyle(probe).color; };

  let look; // read once a theme: each token costs the browser a calculation
  const theme = () => look ??= {
    colors: Array.from({ length: 10 }, (_, i) => token(`--chart-${i + 1}`)),
    text: token('--text'), text2: token('--text-2'), label: token('--chart-label'), axis: token('--chart-axis'), accent: token('--accent'),
    grid: token('--chart-grid'), surface: token('--surface'), raised: token('--surface-raised'), border: token('--border'), neutral: token('--neutral-solid'),
    font: getComputedStyle(document.body).fontFamily,
  };

  // ---- Words and numbers ----
  const lang = root.lang || 'en';
  const number = new Intl.NumberFormat(lang, { maximumSignificantDigits: 6 });
  const long = new Intl.NumberFormat(lang, { maximumSignificantDigits: 4, notation: 'compact' });
  const tiny = new Intl.NumberFormat(lang, { maximumSignificantDigits: 4, notation: 'scientific' });
  const utc = () => root.dataset.clock === 'utc'; // else times are those of the browser's own zone
  const moment = (v) => new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'long', ...(utc() ? { timeZone: 'UTC' } : {}) }).format(v);
  const minus = (text) => text.replaceAll('-', '−');
  const plain = (v) => (v === null || v === undefined || v === '-' ? '—' : minus((v !== 0 && Math.abs(v) < 1e-4 ? tiny : number).format(v)));
  const short = (v) => (Math.abs(v) < 1e5 ? plain(v) : minus(long.format(v)));
  const few = new Intl.NumberFormat(lang, { maximumSignificantDigits: 4 });
  const rough = (v) => (v !== 0 && (Math.abs(v) < 1e-4 || Math.abs(v) >= 1e5) ? short(v) : minus(few.format(v)));
  const span = (seconds) => {
    const s = Math.abs(seconds);
    const sign = seconds < 0 ? '−' : '';
    if (s < 60) return `${minus(few.format(s < 1 ? seconds : Math.round(seconds * 10) / 10))} s`;
    if (s < 3600) return `${sign}${Math.floor(s / 60)}m ${String(Math.round(s % 60)).padStart(2, '0')}s`;
    return `${sign}${number.format(Math.floor(s / 3600))}h ${String(Math.round((s % 3600) / 60)).padStart(2, '0')}m`;
  };
  const along = { step: plain, relative: span, time: moment };

  // ---- The look that all charts share ----
  const axis = (t, given, vertical) => ({
    nameLocation: vertical ? 'end' : 'middle', nameGap: vertical ? 10 : 24, scale: true, ...given,
    splitNumber: vertical ? 4 : 5,
    axisLine: { show: !vertical, lineStyle: { color: t.axis } },
    axisTick: { show: false },
    splitLine: { show: vertical, lineStyle: { color: t.grid } },
    axisLabel: { color: t.label, fontSize: 11, hideOverlap: true, ...(given.type === 'value' || given.type === 'log' ? { formatter: short } : {}), ...given.axisLabel },
    nameTextStyle: { color: t.label, fontSize: 11, align: vertical ? 'left' : 'center' },
  });
  const one = (v) => (Array.isArray(v) ? v[0] : v) ?? {};
  const tooltip = (t) => ({
    confine: true, renderMode: 'richText', // the HTML tooltip writes style attributes, which our policy forbids
    backgroundColor: t.raised, borderColor: t.border, borderWidth: 1, padding: [8, 10],
    textStyle: { color: t.text, fontSize: 12 },
  });
  const inRich = (text) => text.replace(/[{}|]/g, '¦');
  const brief = (name) => (name.length > 24 ? `${name.slice(0, 23)}…` : name);
  const legend = (t, several) => (several
    ? { right: 0, top: 0, left: 40, type: 'scroll', align: 'left', icon: 'roundRect', itemWidth: 14, itemHeight: 3, formatter: brief, textStyle: { color: t.text2, fontSize: 12, lineHeight: 18 }, pageIconColor: t.text2, pageIconInactiveColor: t.axis, pageTextStyle: { color: t.text2 } }
    : { show: false });
  const base = (t, several) => ({
    animation: false, useUTC: utc(), color: t.colors, textStyle: { fontFamily: t.font, color: t.text2 }, legend: legend(t, several),
    grid: { left: 52, right: 18, top: several ? 34 : 14, bottom: 40 },
  });

  // dress is for options that name their series and axes themselves.
  const dress = (option, t) => {
    const several = (option.series ?? []).length > 1;
    return {
      ...base(t, several),
      tooltip: { ...tooltip(t), trigger: 'axis', valueFormatter: plain, axisPointer: { type: 'line', lineStyle: { color: t.label, type: [3, 3] } } },
      dataZoom: [{ type: 'inside', filterMode: 'none', zoomOnMouseWheel: 'ctrl', moveOnMouseMove: false }],
      xAxis: { ...axis(t, one(option.xAxis), false), axisPointer: { snap: true, label: { formatter: ({ value }) => plain(value) } } },
      yAxis: axis(t, one(option.yAxis), true),
      series: (option.series ?? []).map((series, i) => ({
        ...series,
        showSymbol: (series.data ?? []).length < 3, symbol: SYMBOL[i % SYMBOL.length], symbolSize: 6, sampling: 'lttb',
        lineStyle: { width: 2, type: DASH[i % DASH.length], color: t.colors[i % 10] },
        itemStyle: { color: t.colors[i % 10] },
      })),
    };
  };

  // ---- Curves from the server ----
  // alone marks the points that no line reaches: without a symbol they would not be seen.
  const alone = (points, symbol) => {
    let some = false;
    const data = points.map((p, i) => {
      if (p[1] === null || (points[i - 1]?.[1] ?? null) !== null || (points[i + 1]?.[1] ?? null) !== null) return p;
      some = true;
      return { value: p, symbol, symbolSize: 7 };
    });
    return some ? { data, showSymbol: true, symbol: 'none' } : { data, showSymbol: false, symbol, symbolSize: 6 };
  };
  // bands are the stretches of a band without a gap, each as the corners of its outline.
  const stretches = (band) => {
    const out = [];
    let now = null;
    for (const p of band) {
      if (p[1] === null || p[2] === null) { now = null; continue; }
      if (!now) out.push(now = []);
      now.push(p);
    }
    return out;
  };
  const bandSeries = (t, s, log) => {
    const all = stretches(log ? s.band.map(([x, low, high]) => (high > 0 ? [x, low > 0 ? low : null, high] : [x, null, null])) : s.band);
    return {
      id: `${s.id}:band`, name: s.name, type: 'custom', silent: true, tooltip: { show: false }, z: 1, clip: true,
      data: all.map((_, i) => [all[i][0][0], all[i][0][1], i]), encode: { x: 0, y: 1 },
      renderItem: (_, api) => {
        const stretch = all[api.value(2)];
        const points = [...stretch.map((p) => api.coord([p[0], p[2]])), ...stretch.toReversed().map((p) => api.coord([p[0], p[1]]))];
        return { type: 'polygon', shape: { points }, style: { fill: t.colors[s.color % 10], opacity: 0.16 } };
      },
      itemStyle: { color: t.colors[s.color % 10] },
    };
  };
  const curve = (t, s, how) => {
    const color = t.colors[s.color % 10];
    const symbol = SYMBOL[s.color % SYMBOL.length];
    const raw = how.log ? s.points.map(([x, y]) => [x, y !== null && y <= 0 ? null : y]) : s.points;
    const smooth = slipwayChart.smoothed(raw, how.smooth);
    const line = {
      id: s.id, name: s.name, type: 'line', z: 3, ...alone(smooth, symbol), itemStyle: { color },
      lineStyle: { width: 2, type: DASH[s.color % DASH.length], color }, emphasis: { disabled: true },
    };
    const out = [line];
    if (s.band) out.push(bandSeries(t, s, how.log));
    if (smooth !== raw) out.push({ id: `${s.id}:raw`, name: s.name, type: 'line', z: 2, silent: true, data: raw, showSymbol: false, symbol: 'none', itemStyle: { color }, lineStyle: { width: 1, color, opacity: 0.22 } });
    return out;
  };
  const ROWS = 10;
  const about = (data, how, hidden) => (params) => {
    const x = one(params).axisValue;
    const rows = data.series.filter((s) => !hidden().has(s.name)).map((s) => [s, slipwayChart.nearest(slipwayChart.smoothed(s.points, how.smooth), x)]).filter(([, p]) => p);
    rows.sort((a, b) => b[1][1] - a[1][1]);
    const lines = rows.slice(0, ROWS).map(([s, p]) => `${plain(p[1])}${data.series.length > 1 ? `  ${inRich(brief(s.name))}` : ''}`);
    return [`${data.xName} ${along[data.x](x)}`, ...lines, ...(rows.length > ROWS ? [`… +${rows.length - ROWS}`] : [])].join('\n');
  };
  const curves = (data, how, t, hidden) => {
    const several = data.series.length > 1;
    const xs = data.series.flatMap(({ points }) => (points.length ? [points[0][0], points.at(-1)[0]] : []));
    const around = Math.min(...xs) === Math.max(...xs) && data.from === null ? { time: 60_000 }[data.x] ?? 1 : 0; // all in one place: it is the middle
    const ends = around ? { min: ({ min }) => min - around, max: ({ max }) => max + around } : { min: data.from ?? 'dataMin', max: data.to ?? 'dataMax' };
    return {
      ...base(t, several),
      tooltip: { ...tooltip(t), trigger: 'axis', formatter: about(data, how, hidden), axisPointer: { type: 'line', lineStyle: { color: t.label, type: [3, 3] } } },
      xAxis: axis(t, { type: data.x === 'time' ? 'time' : 'value', name: data.xName, ...ends, ...(data.x === 'step' ? { minInterval: 1 } : {}), ...(data.x === 'relative' ? { axisLabel: { formatter: span } } : {}) }, false),
      yAxis: axis(t, { type: how.log ? 'log' : 'value' }, true),
      series: data.series.flatMap((s) => curve(t, s, how)),
    };
  };
  const subtitle = (element, data, how) => {
    const sub = $('[data-chart-sub]', element.closest('.chart-card'));
    if (!sub) return;
    const lost = how.log && data.series.some((s) => s.points.some(([, y]) => y !== null && y <= 0));
    sub.textContent = how.log ? [sub.dataset.log, ...(lost ? [sub.dataset.hidden] : [])].join(', ') : '';
  };

  // ---- Plots of single values: a dot, a strand or a place in a box for each run, in the colour of the run ----
  const dots = (t, all, point) => all.map((d) => ({
    value: point(d), name: d.name, symbol: SYMBOL[d.color % SYMBOL.length], itemStyle: { color: t.colors[d.color % 10], borderColor: t.surface, borderWidth: 1 },
  }));
  const aboutDot = (labels) => ({ data, value }) => [inRich(data.name), ...labels.map((label, i) => `${inRich(label.name)}: ${label.categories ? inRich(label.categories[value[i]] ?? '—') : plain(value[i])}`)].join('\n');
  const between = (t) => ({ ...base(t, false), grid: { left: 64, right: 24, top: 28, bottom: 48 }, legend: { show: false } });
  const texts = (categories) => ({ type: 'category', data: categories, axisLabel: { width: Math.max(50, 700 / categories.length), overflow: 'truncate', interval: 0 } });
  const scatter = (given, t) => ({
    ...between(t),
    tooltip: { ...tooltip(t), trigger: 'item', formatter: aboutDot([{ name: given.x, categories: given.categories }, { name: given.y }]) },
    xAxis: axis(t, { name: given.x, nameGap: 28, ...(given.categories ? texts(given.categories) : { type: 'value', boundaryGap: ['5%', '5%'] }) }, false),
    yAxis: axis(t, { name: given.y, type: 'value' }, true),
    series: [
      { type: 'scatter', symbolSize: 12, data: dots(t, given.dots, (d) => [d.x, d.y]), label: { show: given.dots.length <= 20, formatter: ({ name }) => name.split(' ')[0], position: 'top', color: t.text2, fontSize: 11 } },
      ...(given.trend ? [{ type: 'line', data: given.trend, symbol: 'none', silent: true, tooltip: { show: false }, lineStyle: { color: t.neutral, width: 1.5, type: [6, 4] } }] : []),
    ],
  });
  const box = (given, t) => ({
    ...between(t),
    tooltip: { ...tooltip(t), trigger: 'item', formatter: (p) => (p.seriesType === 'boxplot' ? [inRich(p.name), ...p.value.slice(1).toReversed().map(plain)].join('\n') : aboutDot([{ name: given.y }])({ data: p.data, value: [p.value[1]] })) },
    xAxis: axis(t, { name: given.by, nameGap: 28, ...texts(given.groups.map((g) => g.name)) }, false),
    yAxis: axis(t, { name: given.y, type: 'value' }, true),
    series: [
      { type: 'boxplot', boxWidth: [16, 60], itemStyle: { color: 'transparent', borderColor: t.accent, borderWidth: 1.5 }, data: given.groups.map((g) => g.box ?? ['-', '-', '-', '-', '-']) },
      { type: 'scatter', symbolSize: 10, data: given.groups.flatMap((g, i) => dots(t, g.dots, (d) => [i, d.y])) },
    ],
  });
  // What a run does not have goes through a lane of its own below the axis, marked —. Texts are places on an axis of
  // numbers too: on one of categories a dragged range loses its width.
  const laneOf = (a, values) => {
    if (a.categories) {
      const names = a.missing ? ['—', ...a.categories] : a.categories;
      const label = { customValues: names.map((_, i) => i), hideOverlap: true };
      return { type: 'value', min: -0.5, max: names.length - 0.5, lane: 0, shift: names.length - a.categories.length, names, axisLabel: label };
    }
    const known = values.filter((v) => v !== null);
    const low = Math.min(...known);
    const high = Math.max(...known);
    const room = (high - low) || Math.abs(high) || 1;
    if (!a.missing) return { type: 'value', scale: true, lane: low, ...(high === low ? { min: low - room / 2, max: high + room / 2 } : {}) };
    const lane = low - room * 0.2;
    const ticks = known.length ? [lane, ...new Set([low, (low + high) / 2, high])] : [lane];
    return { type: 'value', min: lane, max: known.length ? high + (high === low ? room / 2 : 0) : lane + 1, lane, shift: 0, axisLabel: { customValues: ticks, formatter: (v) => (v === lane ? '—' : rough(v)) } };
  };
  const dragged = (color) => ({ color, borderColor: color, borderWidth: 1, opacity: 0.2 });
  const lanesOf = (given) => given.axes.map((a, i) => laneOf(a, given.runs.map((r) => r.values[i])));
  const parallel = (given, t, width) => {
    const lanes = lanesOf(given);
    const letters = Math.max(4, Math.min(18, (width - 150) / Math.max(1, lanes.length - 1) / 7 - 2)); // fit between two axes
    const named = (names) => (v) => { const name = names[v] ?? ''; return name.length > letters ? `${name.slice(0, letters - 1)}…` : name; };
    const label = { color: t.text2, fontSize: 11, backgroundColor: t.surface, padding: [1, 3], borderRadius: 3 };
    return {
      ...base(t, given.runs.length > 1),
      tooltip: { ...tooltip(t), trigger: 'item', formatter: ({ seriesIndex }) => { const r = given.runs[seriesIndex]; return [inRich(r.name), ...given.axes.map((a, i) => `${inRich(a.name)}: ${r.values[i] === null ? '—' : a.categories ? inRich(a.categories[r.values[i]].slice(0, 60)) : plain(r.values[i])}`)].join('\n'); } },
      parallel: {
        left: 60, right: 90, top: 70, bottom: 30,
        parallelAxisDefault: {
          nameTextStyle: { color: t.text, fontSize: 12, fontWeight: 600, width: 110, overflow: 'truncate' }, nameGap: 14, axisLine: { lineStyle: { color: t.axis } }, axisTick: { show: false }, splitNumber: 4,
          areaSelectStyle: { ...dragged(t.accent), width: 18 },
        },
      },
      parallelAxis: lanes.map(({ lane, shift, names, ...a }, dim) => ({ dim, name: given.axes[dim].name, ...a, axisLabel: { ...label, formatter: names ? named(names) : rough, ...a.axisLabel } })),
      series: given.runs.map((r) => ({
        type: 'parallel', name: r.name, progressive: 0, inactiveOpacity: 0.1, activeOpacity: 1,
        lineStyle: { width: 2.5, color: t.colors[r.color % 10], opacity: 1, type: DASH[r.color % DASH.length] }, itemStyle: { color: t.colors[r.color % 10] },
        data: [r.values.map((v, i) => (v === null ? lanes[i].lane : v + (lanes[i].shift ?? 0)))],
      })),
    };
  };
  const plots = { scatter, box, parallel };

  // ---- Ranges dragged along axes. The address has each as axis:low:high, the ends as numbers or texts, none for — ----
  const RANGE = 'range';
  const rangeText = (a, lane, [low, high]) => {
    let ends = [low, high].map((v) => (a.missing && v <= lane.lane ? '' : String(Number(v.toPrecision(6)))));
    if (lane.names) {
      const [from, to] = [Math.max(0, Math.ceil(low)), Math.min(lane.names.length - 1, Math.floor(high))];
      if (from > to) return undefined; // between two texts
      ends = [from, to].map((i) => (i < lane.shift ? '' : lane.names[i]));
    }
    return [a.id, ...ends].map(encodeURIComponent).join(':');
  };
  const rangeEnds = (lane, low, high) => {
    if (!lane.names) return [low, high].map((v) => (v === '' ? lane.lane : Number(v)));
    const [from, to] = [low, high].map((name) => (name === '' ? lane.shift - 1 : lane.names.indexOf(name, lane.shift)));
    return from < 0 || to < from ? [NaN] : [from - 0.35, to + 0.35];
  };
  const ranges = () => new URLSearchParams(location.search).getAll(RANGE);
  const decoded = (text) => text.split(':').map((part) => { try { return decodeURIComponent(part); } catch { return ''; } });
  // brush drags the ranges of the address; one that these runs do not have is left out.
  const brush = (chart, given) => {
    const all = ranges().map(decoded);
    if (!all.length) return;
    lanesOf(given).forEach((lane, parallelAxisIndex) => {
      const intervals = all.filter(([id, , high]) => id === given.axes[parallelAxisIndex].id && high !== undefined)
        .map(([, low, high]) => rangeEnds(lane, low, high)).filter((ends) => ends.every(Number.isFinite));
      if (intervals.length) chart.dispatchAction({ type: 'axisAreaSelect', parallelAxisIndex, intervals });
    });
    chart.resize(); // an axis draws what its own act dragged with the next change only
    tint(chart);
  };
  // tint gives ranges their look again: the library forgets it when it draws one anew.
  const tint = (chart) => {
    const { color: fill, borderColor: stroke, borderWidth: lineWidth, opacity } = dragged(token('--accent'));
    chart.getZr().storage.traverse((shape) => {
      const cover = shape.__brushOption && shape.childAt(0);
      if (cover && cover.style.fill !== fill) cover.setStyle({ fill, stroke, lineWidth, opacity });
    });
  };
  let writing;
  const writeRanges = (element, chart, given) => {
    clearTimeout(writing);
    writing = setTimeout(() => { // a hand drags more often than a browser lets an address change
      if (!element.isConnected || drawn.get(element)?.chart !== chart) return;
      const url = new URL(location.href);
      url.searchParams.delete(RANGE);
      lanesOf(given).forEach((lane, i) => chart.getModel().getComponent('parallelAxis', i).activeIntervals
        .map((ends) => rangeText(given.axes[i], lane, ends)).forEach((text) => { if (text) url.searchParams.append(RANGE, text); }));
      if (url.href !== location.href) history.replaceState(history.state, '', url);
    }, 150);
  };
  // narrowed says which runs lie in all the ranges that were dragged.
  const narrowed = (element, chart, given) => {
    const note = $('[data-chart-kept]');
    if (!note) return;
    writeRanges(element, chart, given);
    const all = chart.getModel().getSeries();
    const kept = given.runs.filter((_, i) => all[i].getRawIndicesByActiveState('active').length);
    const free = all.every((series) => series.getRawIndicesByActiveState('normal').length);
    $('[data-chart-reset]').hidden = free;
    note.textContent = free ? '' : note.dataset.chartKept.replace('{n}', kept.length).replace('{all}', given.runs.length).replace('{names}', () => kept.map((r) => r.name).join(', ') || '—');
  };

  // ---- The controls of a page's charts, and its address ----
  // A time in a field is what the clock on the wall shows; in an address, which others may read, it has its zone.
  const WALL = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?$/;
  const two = (n) => String(n).padStart(2, '0');
  const zoned = (text) => {
    const [, day, time = '00:00'] = WALL.exec(text) ?? [];
    const at = new Date(`${day}T${time}`);
    if (Number.isNaN(at.getTime())) return text;
    const east = utc() ? 0 : -at.getTimezoneOffset();
    return `${day}T${time}${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}:${two(Math.abs(east) % 60)}`;
  };
  const wall = (v) => new Date(v - (utc() ? 0 : new Date(v).getTimezoneOffset() * 60_000)).toISOString().replace(/(:00)?\.000Z$|Z$/, '');
  // Who comes for the first time has told the server no zone yet: what the address says is written by their clock here.
  const rewrite = (form) => [form.elements.from, form.elements.to].forEach((field) => {
    const at = /^\d{4}-\d\d-\d\d/.test(field.dataset.at) ? Date.parse(zoned(field.dataset.at)) : NaN;
    if (form.elements.x.value === 'time' && !Number.isNaN(at)) field.value = wall(at);
    delete field.dataset.at;
  });
  const STATE = ['x', 'log', 'smooth', 'from', 'to', 'group', 'band'];
  const usual = { x: 'step', smooth: '0', band: 'std' };
  const controls = () => $('[data-chart-controls]');
  const chosen = () => {
    const form = controls();
    const said = form ? new FormData(form) : new URLSearchParams(location.search);
    const out = {};
    for (const name of STATE) {
      const value = (said.get(name) ?? '').trim();
      if (value && value !== usual[name]) out[name] = value;
    }
    if (!out.group) delete out.band;
    if (out.x === 'time') for (const end of ['from', 'to']) if (out[end]) out[end] = zoned(out[end]);
    return out;
  };
  const how = () => { const { log, smooth } = chosen(); return { log: log === '1', smooth: Number(smooth ?? 0) || 0 }; };
  const stated = (address, names = STATE) => {
    const url = new URL(address, location.href);
    const all = chosen();
    for (const name of names) if (all[name]) url.searchParams.set(name, all[name]); else url.searchParams.delete(name);
    return url;
  };
  const DATA = ['x', 'from', 'to', 'group', 'band'];
  const source = (element) => (controls() ? stated(element.dataset.chartSrc, DATA) : new URL(element.dataset.chartSrc, location.href));

  // ---- One chart after the other: what somebody presses meanwhile is not kept waiting for all of them ----
  const pause = () => window.scheduler?.yield?.() ?? new Promise((go) => { setTimeout(go); });
  const queue = new Map(); // element → what draws it, the first to come first
  let working = false;
  const inTurn = async (element, act) => {
    queue.set(element, act);
    if (working) return;
    working = true;
    for (const next of queue.keys()) {
      await pause();
      const now = queue.get(next);
      queue.delete(next);
      try { if (next.isConnected) await now(); } catch (e) { reportError(e); }
    }
    working = false;
  };

  // ---- Life of a chart ----
  const fit = (chart) => { // an observer tells of the first size too, which is the one that was drawn for
    const { clientWidth, clientHeight } = chart.getDom();
    if (chart.getWidth() !== clientWidth || chart.getHeight() !== clientHeight) chart.resize();
  };
  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => { if (drawn.has(target)) fit(drawn.get(target).chart); }));
  const start = (element, zooms) => {
    element.replaceChildren();
    const box = element.appendChild(document.createElement('div')); // the library writes style attributes on it
    const chart = window.echarts.init(box, null, { renderer: 'canvas' });
    chart.group = 'page';
    sizes.observe(element);
    if (zooms) dragging(chart);
    return chart;
  };
  const forget = (element) => {
    sizes.unobserve(element);
    drawn.get(element)?.chart.dispose();
    element.replaceChildren();
    drawn.delete(element);
  };
  // The first drawing of a page has the browser compile most of the library: it goes in steps, axes that nobody sees
  // and perhaps a simple part before all. It is false where the chart went meanwhile.
  let compiled = false;
  const steps = async (element, chart, simple) => {
    const unseen = { type: 'value', show: false };
    const parts = compiled ? [] : [() => ({ ...base(theme(), false), xAxis: unseen, yAxis: unseen }), ...simple];
    compiled = true;
    for (const part of parts) {
      chart.setOption(part(), true);
      await pause();
      if (drawn.get(element)?.chart !== chart) return false;
    }
    return true;
  };
  const draw = async (element) => {
    if (drawn.has(element) || !element.isConnected) return;
    const text = document.getElementById(element.dataset.chart);
    if (!text) return;
    const given = JSON.parse(text.textContent);
    const chart = start(element, !given.kind);
    const again = (t) => {
      chart.setOption((plots[given.kind] ?? dress)(given, t, element.clientWidth), true);
      if (given.kind === 'parallel') brush(chart, given);
    };
    drawn.set(element, { chart, again });
    if (given.kind === 'parallel') {
      chart.on('axisareaselected', () => { narrowed(element, chart, given); tint(chart); });
      chart.on('rendered', () => tint(chart));
    }
    if (await steps(element, chart, [])) again(theme());
  };
  const show = async (element, data) => {
    const card = element.closest('.chart-card');
    const none = data.series.every((s) => s.points.length === 0);
    element.setAttribute('aria-label', data.sentence || element.getAttribute('aria-label'));
    $('[data-chart-empty]', card).hidden = !none;
    element.hidden = none || !$('.chart__data', card).hidden;
    if (none) { forget(element); return; }
    const known = drawn.get(element)?.chart;
    const chart = known ?? start(element, true);
    const chosenIn = () => chart.getModel().getComponent('legend')?.option.selected ?? {}; // getOption would copy all points
    const hidden = () => new Set(Object.entries(chosenIn()).filter(([, on]) => !on).map(([name]) => name));
    const again = (t, anew) => {
      chart.setOption(curves(data, how(), t, hidden), anew ? { notMerge: true } : { replaceMerge: ['series'] }); // zoom and legend stay as they are
      subtitle(element, data, how());
    };
    drawn.set(element, { chart, again, x: data.x });
    const single = () => curves({ ...data, series: data.series.slice(0, 1) }, how(), theme(), hidden);
    if (await steps(element, chart, [single])) again(theme(), !known);
  };

  // The library is long to read: the page is painted first.
  const painted = new Promise((go) => { requestAnimationFrame(() => setTimeout(go)); });
  let library;
  const fetched = () => new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = $('meta[name="slipway-charts"]').content;
    script.onload = () => { window.echarts.connect('page'); resolve(); };
    script.onerror = () => { library = undefined; reject(new Error('the chart library did not load')); };
    document.head.append(script);
  });
  const ready = () => library ??= painted.then(fetched);

  // load asks for the data of a chart, while the library may still be on its way; only the last of several answers
  // counts.
  const load = async (element) => {
    const card = element.closest('.chart-card');
    const problem = $('[data-chart-error]', card);
    const turn = element.turn = (element.turn ?? 0) + 1;
    card.setAttribute('aria-busy', 'true');
    let act;
    try {
      const answer = await fetch(source(element), { headers: { Accept: 'application/json' } });
      const data = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(data.error ?? '', { cause: 'said' });
      act = () => { problem.hidden = true; return show(element, data); };
    } catch (e) {
      act = () => {
        const text = $('[data-text]', problem);
        text.dataset.usual ??= text.textContent;
        text.textContent = (e.cause === 'said' && e.message) || text.dataset.usual;
        problem.hidden = false;
        if (!drawn.has(element)) element.hidden = true; // what was drawn before stays, as what it was
      };
    }
    await ready();
    if (turn === element.turn) inTurn(element, async () => { await act(); card.removeAttribute('aria-busy'); });
  };

  // A chart is drawn when it comes near the window: a page may hold hundreds. To watch it again is to ask again.
  const near = new IntersectionObserver((entries) => entries.forEach(({ isIntersecting, target: card }) => {
    if (!isIntersecting) return;
    near.unobserve(card);
    const element = $('.chart', card);
    if (element.dataset.chartSrc) load(element).catch(() => openTable(card));
    else ready().then(() => inTurn(element, () => draw(element)), () => showTable(element));
  }), { rootMargin: '300px' });
  const watch = (element) => {
    const card = element.closest('.chart-card');
    near.unobserve(card);
    near.observe(card);
  };

  const scan = (from) => {
    [...drawn.keys()].filter((element) => !element.isConnected).forEach(forget);
    if (controls()) rewrite(controls());
    from.querySelectorAll('[data-chart], [data-chart-src]').forEach((element) => { if (!drawn.has(element)) watch(element); });
    from.querySelectorAll('[data-chart-rows]').forEach((link) => { link.setAttribute('role', 'button'); link.setAttribute('aria-pressed', 'false'); });
    if (!document.fullscreenEnabled) from.querySelectorAll('[data-chart-enlarge]').forEach((button) => { button.hidden = true; });
  };
  const redraw = () => drawn.forEach((_, element) => { // what waits to be drawn is drawn as it is to be now
    if (!queue.has(element)) inTurn(element, () => drawn.get(element)?.again(theme()));
  });
  const relight = () => { look = undefined; redraw(); };
  const reload = () => [...document.querySelectorAll('[data-chart-src]')].forEach(watch);

  // What changed in the controls is in the address at once, and on every chart.
  let waiting;
  const apply = (fetches) => {
    history.replaceState(history.state, '', stated(location.href));
    document.querySelectorAll('[data-chart-rows], [data-chart-csv]').forEach((link) => { link.href = stated(link.href, DATA); });
    $('[data-chart-band]')?.classList.toggle('is-off', !chosen().group);
    clearTimeout(waiting);
    if (!fetches) { redraw(); return; }
    waiting = setTimeout(() => {
      reload();
      document.querySelectorAll('.chart-card').forEach((card) => { if ($('[data-chart-rows][aria-pressed="true"]', card)) openTable(card); });
    }, 60);
  };
  const range = (from, to) => {
    const form = controls();
    form.elements.from.value = from;
    form.elements.to.value = to;
    apply(true);
  };
  document.addEventListener('input', (event) => {
    if (!event.target.closest('[data-chart-controls]')) return;
    if (event.target.name === 'smooth') {
      event.target.parentElement.querySelector('output').textContent = Number(event.target.value).toFixed(2);
      apply(false);
    }
  });
  document.addEventListener('change', (event) => {
    const form = event.target.closest('[data-chart-controls]');
    if (!form || event.target.name === 'smooth') return;
    if (event.target.name === 'x') { form.elements.from.value = ''; form.elements.to.value = ''; } // another unit
    apply(event.target.name !== 'log');
  });
  document.addEventListener('submit', (event) => {
    if (!event.target.matches('[data-chart-controls]')) return;
    event.preventDefault();
    apply(true);
  });
  // Links and forms of the page itself keep what the controls say now.
  document.addEventListener('htmx:configRequest', (event) => {
    const { detail } = event;
    if (!detail.boosted || detail.verb !== 'get') return;
    const url = new URL(detail.path, location.href);
    if (url.pathname !== location.pathname) return;
    if ($('[data-chart-kept]')) keepRanges(detail, url);
    if (!controls()) return;
    const all = chosen();
    if (detail.elt.matches('form')) {
      for (const name of STATE) if (all[name]) detail.parameters[name] = all[name]; else delete detail.parameters[name];
    } else {
      detail.path = stated(detail.path).href.slice(location.origin.length);
    }
  });

  // The ranges of axes that are no longer shown go.
  const keepRanges = (detail, url) => {
    if (detail.elt.matches('form')) {
      detail.parameters[RANGE] = ranges();
      return;
    }
    const axes = url.searchParams.getAll('axis');
    url.searchParams.delete(RANGE);
    ranges().filter((text) => !axes.length || axes.includes(decoded(text)[0])).forEach((text) => url.searchParams.append(RANGE, text));
    detail.path = url.href.slice(location.origin.length);
  };

  // ---- Zoom: drag across the plot, or turn the wheel with Ctrl; a double click shows everything again ----
  const dragging = (chart) => {
    const zr = chart.getZr();
    const inside = (e) => chart.containPixel({ gridIndex: 0 }, [e.offsetX, e.offsetY]);
    const xOf = (px) => chart.convertFromPixel({ xAxisIndex: 0 }, px);
    let from;
    let rect;
    const drop = () => { if (rect) zr.remove(rect); rect = undefined; from = undefined; };
    const zoom = (a, b) => {
      const entry = [...drawn.entries()].find(([, d]) => d.chart === chart);
      const form = controls();
      if (!form || !entry?.[1].x) { chart.dispatchAction({ type: 'dataZoom', startValue: a, endValue: b }); return; }
      const { x } = entry[1];
      const unit = x === 'time' && b - a > 60_000 ? 1000 : 1;
      const text = (v) => (x === 'time' ? wall(Math.round(v / unit) * unit) : String(x === 'step' ? Math.round(v) : Number(v.toFixed(3))));
      range(text(a), text(b));
    };
    zr.on('mousedown', (e) => {
      if (e.event?.zrByTouch || e.event?.button || !inside(e)) return; // a finger scrolls the page
      from = e.offsetX;
    });
    zr.on('mousemove', (e) => {
      if (from === undefined) return;
      const { height } = chart.getDom().getBoundingClientRect();
      if (!rect) zr.add(rect = new window.echarts.graphic.Rect({ silent: true, z: 100, style: { fill: theme().accent, opacity: 0.14 } }));
      rect.setShape({ x: Math.min(from, e.offsetX), y: 8, width: Math.abs(e.offsetX - from), height: height - 48 });
    });
    zr.on('mouseup', (e) => {
      const begun = from;
      drop();
      if (begun === undefined || Math.abs(e.offsetX - begun) < 6) return;
      const [a, b] = [xOf(begun), xOf(e.offsetX)].sort((p, q) => p - q);
      zoom(a, b);
    });
    zr.on('globalout', drop);
    zr.on('mousewheel', (e) => {
      if (!e.event?.ctrlKey || !controls() || !inside(e)) return;
      e.event.preventDefault();
      const { left, right } = one(chart.getOption().grid);
      const [a, b, at] = [xOf(left), xOf(chart.getWidth() - right), xOf(e.offsetX)];
      const factor = e.wheelDelta > 0 ? 0.7 : 1 / 0.7;
      zoom(at - (at - a) * factor, at + (b - at) * factor);
    });
    zr.on('dblclick', () => {
      if (controls()) range('', ''); else chart.dispatchAction({ type: 'dataZoom', start: 0, end: 100 });
    });
  };

  // ---- What the buttons of a card do ----
  const showTable = (element) => {
    const card = element.closest('.chart-card');
    $('.chart__data', card).hidden = false;
    element.hidden = true;
  };
  const openTable = async (card) => {
    const table = $('.chart__data', card);
    const link = $('[data-chart-rows]', card);
    const chart = $('.chart', card);
    card.setAttribute('aria-busy', 'true');
    try {
      const answer = await fetch(link.href, { headers: { 'HX-Request': 'true', 'HX-Target': 'series-table' } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      table.innerHTML = await answer.text(); // our own page: whatever people wrote in it is escaped there
      table.hidden = false;
      chart.hidden = true;
      link.setAttribute('aria-pressed', 'true');
    } catch {
      $('[data-chart-error]', card).hidden = false;
    } finally {
      card.removeAttribute('aria-busy');
    }
  };
  const closeTable = (card) => {
    $('.chart__data', card).replaceChildren();
    $('.chart__data', card).hidden = true;
    $('[data-chart-rows]', card).setAttribute('aria-pressed', 'false');
    const chart = $('.chart', card);
    chart.hidden = !$('[data-chart-empty]', card).hidden;
    watch(chart);
  };
  // A picture has the title that the card has above the chart.
  const picture = (card) => {
    const { chart } = drawn.get($('.chart', card)) ?? {};
    if (!chart) return;
    const t = theme();
    const scale = 2;
    const drawing = chart.renderToCanvas({ pixelRatio: scale, backgroundColor: t.surface });
    const canvas = document.createElement('canvas');
    const head = 40 * scale;
    canvas.width = drawing.width;
    canvas.height = drawing.height + head;
    const pen = canvas.getContext('2d');
    pen.fillStyle = t.surface;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = t.text;
    pen.font = `600 ${14 * scale}px ${t.font}`;
    const title = $('h3, h2', card).textContent.trim();
    const sub = $('.sub', card)?.textContent.trim();
    pen.fillText(sub ? `${title} · ${sub}` : title, 14 * scale, 26 * scale, canvas.width - 28 * scale);
    pen.drawImage(drawing, 0, head);
    canvas.toBlob((blob) => {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = `${title.replace(/[^\p{L}\p{N}._-]+/gu, '-') || 'chart'}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  };
  const acts = {
    '[data-chart-table]': (card, button) => {
      const table = $('.chart__data', card);
      table.hidden = !table.hidden;
      $('.chart', card).hidden = !table.hidden;
      button.setAttribute('aria-pressed', String(!table.hidden));
    },
    '[data-chart-rows]': (card, link) => (link.getAttribute('aria-pressed') === 'true' ? closeTable(card) : openTable(card)),
    '[data-chart-enlarge]': (card) => (document.fullscreenElement ? document.exitFullscreen() : card.requestFullscreen()),
    '[data-chart-png]': picture,
    '[data-chart-again]': (card) => { $('[data-chart-error]', card).hidden = true; watch($('.chart', card)); },
  };
  document.addEventListener('click', (event) => {
    for (const [selector, act] of Object.entries(acts)) {
      const button = event.target.closest?.(selector);
      if (!button || event.ctrlKey || event.metaKey || event.shiftKey) continue;
      event.preventDefault();
      act(button.closest('.chart-card'), button);
    }
  });
  document.addEventListener('click', (event) => {
    if (!event.target.closest?.('[data-chart-reset]')) return;
    drawn.forEach(({ chart }) => { chart.dispatchAction({ type: 'axisAreaSelect', intervals: [] }); chart.resize(); });
    $('[data-chart-table]').focus(); // the button is gone
  });
  document.addEventListener('keydown', (event) => { // what is a button by its role answers to the space bar too
    if (event.key === ' ' && event.target.matches?.('a[data-chart-rows]')) { event.preventDefault(); event.target.click(); }
  });
  // The address to copy is the one the page has now.
  document.addEventListener('click', (event) => {
    const address = event.target.closest?.('[data-copy="#page-address"]') && $('#page-address');
    if (address) address.textContent = location.href;
  }, true);
  document.addEventListener('fullscreenchange', () => document.querySelectorAll('[data-chart-enlarge]').forEach((button) => {
    button.setAttribute('aria-pressed', String(button.closest('.chart-card') === document.fullscreenElement));
  }));

  // ---- Live: new points come into the charts that are drawn, not more often than once a second ----
  let asked = 0;
  let later;
  document.addEventListener('slipway:changed', () => {
    const wait = asked + 1000 - Date.now();
    if (wait > 0) {
      later ??= setTimeout(() => { later = undefined; document.dispatchEvent(new Event('slipway:changed')); }, wait);
      return;
    }
    asked = Date.now();
    document.querySelectorAll('[data-chart-src]').forEach(watch);
  });

  // What htmx keeps of a page is text: a chart in it would be dead, and its style attributes against our policy.
  document.addEventListener('htmx:beforeHistorySave', () => [...drawn.keys()].forEach(forget));
  document.addEventListener('htmx:historyRestore', () => scan(document));
  document.addEventListener('htmx:afterSettle', () => scan(document));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', relight);
  new MutationObserver(relight).observe(root, { attributes: true, attributeFilter: ['data-theme'] });
  scan(document);
})();
