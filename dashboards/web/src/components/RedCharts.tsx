// Rate, errors and durations of the whole estate, a service or an operation, with its changes as marks. A drag
// chooses the window of time.
import { useMemo } from "react";
import { type RedOf, useRed } from "../api/red";
import { useWindow } from "../base/address";
import { phrases } from "../base/language";
import { iso } from "../base/time";
import { Answered } from "./Answered";
import { Chart, type ChartMark } from "./Chart";
import { Panel } from "./Panel";
import { Source } from "./Source";

const useWords = phrases("red", {
  rate: ["Calls per second", "每秒请求数"],
  errors: ["Errors per second", "每秒错误数"],
  durations: ["Durations", "响应时间"],
  errorsShare: ["Share of errors", "错误率"],
  none: ["No calls in this window", "此时间段内没有调用"],
  noneAbout: ["Choose a longer window, or send spans: Connect shows how.", "可选择更长的时间范围，或在“接入”页查看如何发送数据。"],
});

interface RedChartsProps {
  of?: RedOf;
  marks?: ChartMark[];
  height?: number;
}

export function RedCharts({ of = {}, marks, height = 150 }: RedChartsProps) {
  const w = useWords();
  const { window, set } = useWindow();
  const { answer, sql, series } = useRed(window, of);
  const choose = (from: number, to: number): void => set({ from: iso(from), to: iso(to) });
  const charts = useMemo(
    () =>
      series && [
        { title: w("rate"), unit: "rate" as const, series: [{ name: w("rate"), values: series.rate, filled: true }] },
        {
          title: w("errorsShare"),
          unit: "share" as const,
          series: [{ name: w("errorsShare"), values: series.errorShare, colour: "--failing-fill", filled: true }],
        },
        {
          title: w("durations"),
          unit: "duration" as const,
          series: [
            { name: "p50", values: series.p50, colour: "--series-4" },
            { name: "p95", values: series.p95, colour: "--series-1" },
            { name: "p99", values: series.p99, colour: "--series-2" },
          ],
        },
      ],
    [series, w],
  );
  return (
    <div className="columns">
      {(charts ?? [{ title: w("rate") }, { title: w("errorsShare") }, { title: w("durations") }]).map((chart) => (
        <Panel key={chart.title} title={chart.title} actions={<Source sql={sql} />} flush>
          <Answered
            of={answer}
            lines={5}
            isEmpty={(data) => data.rows.length === 0}
            missing={{ title: w("none"), about: w("noneAbout") }}
          >
            {() =>
              series && "series" in chart ? (
                <Chart times={series.times} series={chart.series} unit={chart.unit} marks={marks} height={height} together="red" onWindow={choose} />
              ) : null
            }
          </Answered>
        </Panel>
      ))}
    </div>
  );
}
