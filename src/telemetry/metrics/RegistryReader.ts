/** Reads the metrics of Effect's registry as OpenTelemetry's data points, cumulative or as differences. */
import type { HrTime } from "@opentelemetry/api"
import type { DataPoint, Histogram, MetricData } from "@opentelemetry/sdk-metrics"
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"

/** Whether a value is the sum since the start or since the previous collection. */
export type Temporality = "cumulative" | "delta"

type Snapshot = Metric.Metric.Snapshot
type Labels = Record<string, string>

interface HistogramSums {
  readonly count: number
  readonly sum: number
  readonly counts: ReadonlyArray<number>
}

/** The values of the previous collection. Series that left the registry are forgotten with it. */
interface Previous {
  readonly sums: Map<string, number | bigint>
  readonly histograms: Map<string, HistogramSums>
}

const makePrevious = (): Previous => ({ sums: new Map(), histograms: new Map() })

// The numbers of OpenTelemetry's enums: importing them would load the package before anything is exported.
const int = 0
const double = 1

/** Collects the metrics of a context. Readers with differences must not share one. */
export class RegistryReader {
  private readonly context: Context.Context<never>
  private readonly temporality: Temporality
  private readonly start = now()
  private previousTime = this.start
  private previous = makePrevious()

  constructor(context: Context.Context<never>, temporality: Temporality) {
    this.context = context
    this.temporality = temporality
  }

  collect(): Array<MetricData> {
    const isDelta = this.temporality === "delta"
    const collection = new Collection(
      this.start,
      isDelta ? this.previousTime : this.start,
      isDelta ? this.previous : undefined
    )
    for (const snapshot of Metric.snapshotUnsafe(this.context)) collection.add(snapshot)
    this.previous = collection.current
    this.previousTime = collection.end
    return collection.metrics
  }
}

/** One collection. Series with the same name and type become the data points of one metric. */
class Collection {
  readonly end = now()
  readonly current = makePrevious()
  readonly metrics: Array<MetricData> = []
  private readonly start: HrTime
  private readonly intervalStart: HrTime
  /** Set for differences. */
  private readonly previous: Previous | undefined
  private readonly points = new Map<string, Array<DataPoint<number>>>()
  private readonly histograms = new Map<string, Array<DataPoint<Histogram>>>()

  constructor(start: HrTime, intervalStart: HrTime, previous: Previous | undefined) {
    this.start = start
    this.intervalStart = intervalStart
    this.previous = previous
  }

  add(snapshot: Snapshot): void {
    const labels = labelsOf(snapshot)
    switch (snapshot.type) {
      case "Counter": {
        const { count, incremental } = snapshot.state
        const value = this.difference(seriesOf(snapshot, "sum"), count, incremental)
        const isInt = typeof count === "bigint"
        return void this.sums(snapshot, incremental, isInt).push(this.point(labels, Number(value)))
      }
      case "Gauge": {
        const { value } = snapshot.state
        return void this.gauges(snapshot, typeof value === "bigint").push({
          ...this.point(labels, Number(value)),
          startTime: this.start
        })
      }
      case "Frequency": {
        const points = this.sums(snapshot, true)
        for (const [key, count] of snapshot.state.occurrences) {
          const value = Number(this.difference(seriesOf(snapshot, "sum", key), count, true))
          points.push(this.point({ ...labels, key }, value))
        }
        return
      }
      case "Summary": {
        const { count, max, min, quantiles, sum } = snapshot.state
        const points = this.sums(snapshot, false, false, "_quantiles")
        const quantile = (name: string, value: number) =>
          points.push(this.point({ ...labels, quantile: name }, value))
        quantile("min", min)
        for (const [at, value] of quantiles) quantile(String(at), value ?? 0)
        quantile("max", max)
        const counted = this.difference(seriesOf(snapshot, "count"), count, false)
        const summed = this.difference(seriesOf(snapshot, "sum"), sum, false)
        this.sums(snapshot, true, true, "_count").push(this.point(labels, Number(counted)))
        this.sums(snapshot, true, false, "_sum").push(this.point(labels, Number(summed)))
        return
      }
      case "Histogram":
        return this.addHistogram(snapshot, labels)
    }
  }

  private addHistogram(snapshot: Extract<Snapshot, { type: "Histogram" }>, labels: Labels): void {
    const { buckets, count, max, min, sum } = snapshot.state
    const boundaries: Array<number> = []
    const counts: Array<number> = []
    let below = 0
    for (const [boundary, cumulative] of buckets) {
      if (boundary === Number.POSITIVE_INFINITY) break
      boundaries.push(boundary)
      counts.push(cumulative - below)
      below = cumulative
    }
    counts.push(count - below)

    const series = seriesOf(snapshot, "histogram")
    this.current.histograms.set(series, { count, sum, counts })
    const before = this.previous?.histograms.get(series)
    const value: Histogram =
      before === undefined
        ? { buckets: { boundaries, counts }, count, sum, min, max }
        : {
            // The registry knows minimum and maximum since the start only, so an interval has none.
            buckets: {
              boundaries,
              counts: counts.map((total, at) => Math.max(0, total - (before.counts[at] ?? 0)))
            },
            count: count - before.count,
            sum: sum - before.sum
          }
    const found = this.histograms.get(snapshot.id)
    const points = found ?? []
    if (found === undefined) {
      this.histograms.set(snapshot.id, points)
      this.metrics.push({
        dataPointType: 0,
        descriptor: descriptorOf(snapshot, double),
        aggregationTemporality: this.aggregation,
        dataPoints: points
      })
    }
    points.push({ startTime: this.intervalStart, endTime: this.end, attributes: labels, value })
  }

  private get aggregation() {
    return this.previous === undefined ? (1 as const) : (0 as const)
  }

  private sums(
    snapshot: Snapshot,
    isMonotonic: boolean,
    isInt = false,
    suffix = ""
  ): Array<DataPoint<number>> {
    return this.pointsOf(`sum ${snapshot.id}${suffix}`, (dataPoints) => ({
      dataPointType: 3,
      descriptor: descriptorOf(snapshot, isInt ? int : double, suffix),
      isMonotonic,
      aggregationTemporality: this.aggregation,
      dataPoints
    }))
  }

  private gauges(snapshot: Snapshot, isInt: boolean): Array<DataPoint<number>> {
    return this.pointsOf(`gauge ${snapshot.id}`, (dataPoints) => ({
      dataPointType: 2,
      descriptor: descriptorOf(snapshot, isInt ? int : double),
      // A gauge is the current value, whatever sums are.
      aggregationTemporality: 1,
      dataPoints
    }))
  }

  private pointsOf(key: string, make: (points: Array<DataPoint<number>>) => MetricData) {
    const found = this.points.get(key)
    if (found !== undefined) return found
    const points: Array<DataPoint<number>> = []
    this.points.set(key, points)
    this.metrics.push(make(points))
    return points
  }

  /** Returns the value itself, or its difference to the previous collection. A counter that is smaller began anew. */
  private difference(series: string, value: number | bigint, isMonotonic: boolean): number | bigint {
    this.current.sums.set(series, value)
    const before = this.previous?.sums.get(series)
    if (before === undefined) return value
    const difference =
      typeof value === "bigint" && typeof before === "bigint"
        ? value - before
        : Number(value) - Number(before)
    return isMonotonic && difference < 0 ? value : difference
  }

  private point(attributes: Labels, value: number): DataPoint<number> {
    return { startTime: this.intervalStart, endTime: this.end, attributes, value }
  }
}

const now = (): HrTime => {
  const millis = Date.now()
  return [Math.floor(millis / 1000), (millis % 1000) * 1_000_000]
}

const labelsOf = ({ attributes }: Snapshot): Labels =>
  Object.fromEntries(Object.entries(attributes ?? {}).map(([key, value]) => [key, String(value)]))

const seriesOf = ({ attributes, id, type }: Snapshot, part: string, key = ""): string =>
  JSON.stringify([type, id, part, key, Object.entries(attributes ?? {}).toSorted()])

/** The unit comes from an attribute, as in Effect's own exporters. */
const descriptorOf = (snapshot: Snapshot, valueType: typeof int | typeof double, suffix = "") => {
  const { time_unit: timeUnit, unit = timeUnit } = labelsOf(snapshot)
  return {
    name: `${snapshot.id}${suffix}`,
    description: snapshot.description ?? "",
    unit: unit ?? "1",
    valueType
  }
}
