// A chart over time. The drawing library comes only when a chart is shown.
import { Skeleton } from "@mantine/core";
import { Suspense, lazy } from "react";
import type { ChartProps } from "./chart/Plot";

export type { ChartProps, ChartMark, ChartSeries } from "./chart/Plot";

const Plot = lazy(() => import("./chart/Plot"));

export function Chart(props: ChartProps) {
  return (
    <Suspense fallback={<Skeleton height={props.height ?? 160} radius="sm" />}>
      <Plot {...props} />
    </Suspense>
  );
}
