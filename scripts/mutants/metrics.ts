/** Mutants of the metrics: their labels, units and series. */
import { inFile, type Mutant } from "./Mutant.ts"

export const metrics: ReadonlyArray<Mutant> = [
  ...inFile("src/instrumentation/TurnMetrics.ts", "test/telemetry/metrics/Metrics.test.ts", [
    [
      "value.length > 128",
      "value.length > 1280",
      "stay few and short whatever names of models and providers there are"
    ],
    [
      "limited(attribute.providerName, provider)",
      "provider",
      "stay few and short whatever names of models and providers there are"
    ],
    [
      "[attribute.errorClass]: error.class",
      '[attribute.errorClass]: "unknown"',
      "count a failed turn once by type and class, and what it did before"
    ]
  ]),
  ...inFile("src/telemetry/metrics/MetricProducer.ts", "test/telemetry/metrics/Metrics.test.ts", [
    [
      ".toSorted()",
      "",
      "receives one of the series that redaction makes equal, whatever the order of their labels"
    ],
    [
      "units.get(metric.descriptor.name) ?? metric.descriptor.unit",
      "metric.descriptor.unit",
      "receives the last values at the end, with units, our scope and the program's own metrics"
    ],
    [
      'temporality: RegistryReader.Temporality = "cumulative"',
      'temporality: RegistryReader.Temporality = "delta"',
      "collects cumulative values by default"
    ]
  ])
]
