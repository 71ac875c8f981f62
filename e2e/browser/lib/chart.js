// What a chart has on it.
import { until } from './server.js';

// drawing is what the chart of a metric shows, undefined until it is drawn.
export const drawing = (page, title) => page.evaluate((name) => {
  const card = [...document.querySelectorAll('.chart-card')].find((c) => c.querySelector('h3').textContent === name);
  const box = card?.querySelector('.chart > div');
  const chart = box && window.echarts?.getInstanceByDom(box);
  if (!chart) return undefined;
  const { series, xAxis, yAxis, legend } = chart.getOption();
  const data = (s) => s.data.map((d) => d.value ?? d);
  return { axis: yAxis[0].type, x: xAxis[0].type, min: xAxis[0].min, max: xAxis[0].max, hidden: Object.entries(legend[0].selected ?? {}).filter(([, on]) => !on).map(([n]) => n),
    lines: series.filter((s) => s.type === 'line').map((s) => ({ id: s.id, name: s.name, color: s.lineStyle.color, opacity: s.lineStyle.opacity, n: s.data.length, first: data(s)[0], last: data(s).at(-1) })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    bands: series.filter((s) => s.type === 'custom').length };
}, title);

// drawn waits until the chart of a metric shows what it should.
export const drawn = (page, title, holds = () => true, seconds = 10) => until(async () => { const d = await drawing(page, title); return d && holds(d) ? d : undefined; }, `the chart ${title}`, seconds);
