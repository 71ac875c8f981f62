// The parts of Apache ECharts that our charts are drawn with. `make charts` builds them into ../js/echarts.min.js: half
// of the whole library, which a browser has to compile before the first chart is there.
import { use, init, connect, getInstanceByDom, graphic } from 'echarts/core';
import { BoxplotChart, CustomChart, LineChart, ParallelChart, ScatterChart } from 'echarts/charts';
import { DataZoomInsideComponent, GridComponent, LegendScrollComponent, ParallelComponent, TooltipComponent } from 'echarts/components';
import { CanvasRenderer } from 'echarts/renderers';

use([
  BoxplotChart, CustomChart, LineChart, ParallelChart, ScatterChart,
  DataZoomInsideComponent, GridComponent, LegendScrollComponent, ParallelComponent, TooltipComponent,
  CanvasRenderer,
]);

window.echarts = { init, connect, getInstanceByDom, graphic };
