// Draws every [data-chart] from the JSON block beside it. The option says what is drawn; how it looks comes from
// the design tokens, so that one chart serves both themes. The chart library is fetched when a page has a chart.
(() => {
  'use strict';
  const DASH = ['solid', [6, 3], [2, 2], [8, 3, 2, 3]];
  const SYMBOL = ['circle', 'rect', 'triangle', 'diamond', 'roundRect', 'pin', 'arrow'];
  const drawn = new Map(); // element → { chart, option }

  const root = document.documentElement;
  const probe = document.createElement('span'); // reads the tokens; never shown
  document.head.append(probe);
  const token = (name) => { probe.style.color = `var(${name})`; return getComputedStyle(probe).color; };

  const theme = () => ({
    colors: Array.from({ length: 10 }, (_, i) => token(`--chart-${i + 1}`)),
    text: token('--text'), text2: token('--text-2'), label: token('--chart-label'), axis: token('--chart-axis'),
    grid: token('--chart-grid'), raised: token('--surface-raised'), border: token('--border'),
    font: getComputedStyle(document.body).fontFamily,
  });

  const number = new Intl.NumberFormat(root.lang || 'en', { maximumSignificantDigits: 6 });
  const long = new Intl.NumberFormat(root.lang || 'en', { maximumSignificantDigits: 4, notation: 'compact' });
  const plain = (v) => (v === null || v === undefined || v === '-' ? '—' : number.format(v).replace('-', '−'));
  const short = (v) => (Math.abs(v) < 1e5 ? plain(v) : long.format(v).replace('-', '−'));

  const axis = (t, given, vertical) => ({
    nameLocation: vertical ? 'end' : 'middle', nameGap: vertical ? 10 : 24, scale: true, ...given,
    splitNumber: vertical ? 4 : 5,
    axisLine: { show: !vertical, lineStyle: { color: t.axis } },
    axisTick: { show: false },
    splitLine: { show: vertical, lineStyle: { color: t.grid } },
    axisLabel: { color: t.label, fontSize: 11, hideOverlap: true, ...(given.type === 'value' ? { formatter: short } : {}) },
    nameTextStyle: { color: t.label, fontSize: 11, align: vertical ? 'left' : 'center' },
  });
  const one = (v) => (Array.isArray(v) ? v[0] : v) ?? {};

  const dress = (option, t) => {
    const several = (option.series ?? []).length > 1;
    return {
      animation: false,
      color: t.colors,
      textStyle: { fontFamily: t.font, color: t.text2 },
      grid: { left: 46, right: 18, top: several ? 34 : 14, bottom: one(option.xAxis).name ? 40 : 26 },
      legend: several ? { right: 0, top: 0, type: 'scroll', icon: 'roundRect', itemWidth: 14, itemHeight: 3, textStyle: { color: t.text2, fontSize: 12 } } : { show: false },
      tooltip: {
        trigger: 'axis', confine: true, renderMode: 'richText', // the HTML tooltip writes style attributes, which our policy forbids
        backgroundColor: t.raised, borderColor: t.border, borderWidth: 1, padding: [8, 10],
        textStyle: { color: t.text, fontSize: 12 }, valueFormatter: plain,
        axisPointer: { type: 'line', lineStyle: { color: t.label, type: [3, 3] } },
      },
      dataZoom: [{ type: 'inside', filterMode: 'none', zoomOnMouseWheel: 'ctrl' }],
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

  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => drawn.get(target)?.chart.resize()));

  const draw = (element) => {
    if (drawn.has(element) || !element.isConnected) return;
    const source = document.getElementById(element.dataset.chart);
    if (!source) return;
    const option = JSON.parse(source.textContent);
    const box = element.appendChild(document.createElement('div')); // the library writes style attributes on it
    const chart = window.echarts.init(box, null, { renderer: 'canvas' });
    chart.group = 'page';
    chart.setOption(dress(option, theme()));
    chart.getZr().on('dblclick', () => chart.dispatchAction({ type: 'dataZoom', start: 0, end: 100 }));
    drawn.set(element, { chart, option });
    sizes.observe(element);
  };
  const forget = (element) => {
    sizes.unobserve(element);
    drawn.get(element)?.chart.dispose();
    element.replaceChildren();
    drawn.delete(element);
  };

  let library;
  const load = () => library ??= window.echarts ? Promise.resolve() : new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = document.querySelector('meta[name="slipway-charts"]').content;
    script.onload = resolve;
    script.onerror = () => { library = undefined; reject(new Error('the chart library did not load')); };
    document.head.append(script);
  });

  // A chart is drawn when it comes near the window: a page may hold hundreds.
  const near = new IntersectionObserver((entries) => entries.forEach(({ isIntersecting, target }) => {
    if (!isIntersecting) return;
    near.unobserve(target);
    load().then(() => { draw(target); window.echarts.connect('page'); }, () => showTable(target));
  }), { rootMargin: '300px' });

  const scan = (from) => {
    [...drawn.keys()].filter((element) => !element.isConnected).forEach(forget);
    from.querySelectorAll('[data-chart]').forEach((element) => near.observe(element));
  };
  const redraw = () => {
    const t = theme();
    drawn.forEach(({ chart, option }) => chart.setOption(dress(option, t), true));
  };

  const showTable = (element) => {
    const card = element.closest('.chart-card');
    card.querySelector('.chart__data').hidden = false;
    element.hidden = true;
  };
  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('[data-chart-table]');
    if (!button) return;
    const card = button.closest('.chart-card');
    const table = card.querySelector('.chart__data');
    table.hidden = !table.hidden;
    card.querySelector('.chart').hidden = !table.hidden;
    button.setAttribute('aria-pressed', String(!table.hidden));
  });

  // What htmx keeps of a page is text: a chart in it would be dead, and its style attributes against our policy.
  document.addEventListener('htmx:beforeHistorySave', () => [...drawn.keys()].forEach(forget));
  document.addEventListener('htmx:historyRestore', () => scan(document));
  document.addEventListener('htmx:afterSettle', () => scan(document));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  new MutationObserver(redraw).observe(root, { attributes: true, attributeFilter: ['data-theme'] });
  scan(document);
})();
