/** Reads `otel-config.yaml`, a configuration file of the OpenTelemetry collector, for the exporters it describes. */
import * as Yaml from "yaml"
import * as OtlpEndpoint from "./OtlpEndpoint.ts"
import * as Exporters from "./Exporters.ts"
import type { ExporterName } from "./Exporters.ts"
import * as DurationText from "../../internal/DurationText.ts"
import { toBoolean } from "../../internal/EnvironmentVariables.ts"

export type { ExporterName } from "./Exporters.ts"

/** The settings in the file; lists are empty if the file is invalid. */
export interface ConfigFile {
  readonly exporters: Readonly<Record<OtlpEndpoint.SignalKind, ReadonlyArray<ExporterName>>>
  readonly file: string | undefined
  readonly destinations: Readonly<Record<OtlpEndpoint.SignalKind, OtlpEndpoint.Destination>>
  readonly headers: Readonly<Record<string, string>>
  readonly certificates: { readonly ca?: string; readonly certificate?: string; readonly key?: string }
  readonly compression: "gzip" | "none" | undefined
  readonly protocol: "http/json" | "http/protobuf" | undefined
  /** The maximum time that spans wait for a batch to fill, in milliseconds. */
  readonly batchTimeout: number | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const empty: ConfigFile = {
  exporters: { traces: [], metrics: [], logs: [] },
  file: undefined,
  destinations: { traces: "unset", metrics: "unset", logs: "unset" },
  headers: {},
  certificates: {},
  compression: undefined,
  protocol: undefined,
  batchTimeout: undefined
}

/** Exporter types of the collector that this library supports. */
const exporterNames: Readonly<Record<string, ExporterName>> = {
  otlp: "otlp",
  otlp_grpc: "otlp",
  otlphttp: "otlp",
  otlp_http: "otlp",
  file: "file",
  logging: "console",
  debug: "console",
  prometheus: "prometheus"
}

/** Limits of the file. A real one has some hundred lines; a huge one would delay the start of the program. */
const maxBytes = 64 * 1024
const maxExporters = 100
const maxAliases = 100
const maxDepth = 64

/** Parses the file. Each warning has a line and a column, and none shows a value, which may be a secret. */
export const parse = (
  path: string,
  text: string,
  environment: Environment
): { readonly config: ConfigFile; readonly warnings: ReadonlyArray<string> } => {
  const lines = new Yaml.LineCounter()
  const warnings: Array<string> = []
  const warn = (offset: number | undefined, problem: string) => {
    const { col, line } = lines.linePos(offset ?? 0)
    warnings.push(`${path}:${Math.max(line, 1)}:${Math.max(col, 1)}: ${problem}`)
  }
  const ignored = (offset: number | undefined, problem: string) => {
    warn(offset, `${problem}: the file is ignored`)
    return { config: empty, warnings }
  }
  if (Buffer.byteLength(text) > maxBytes) return ignored(0, `larger than ${maxBytes} bytes`)
  if (isDeep(text)) return ignored(0, "nested too deeply")
  // The library compares each key of a map with all others, so `findExcess` looks for duplicates instead.
  const document = Yaml.parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
    uniqueKeys: false
  })
  const [error] = document.errors
  if (error !== undefined) return ignored(error.pos[0], `not YAML (${error.code})`)
  const excess = findExcess(document)
  if (excess !== undefined) return ignored(excess.offset, excess.problem)
  const reader = new Reader(document, warn, environment)
  if (document.contents === null) return { config: { ...empty, exporters: allToFile }, warnings }
  if (!Yaml.isMap(document.contents)) {
    warn(document.contents.range?.[0], "not a map: the file is ignored")
    return { config: empty, warnings }
  }
  try {
    return { config: toConfig(document.contents, reader), warnings }
  } catch {
    warn(0, "cannot be interpreted: the file is ignored")
    return { config: empty, warnings }
  }
}

/** Whether flow collections or compact sequences are nested so deeply that parsing them takes long. */
const isDeep = (text: string): boolean => {
  let depth = 0
  for (const character of text) {
    if (character === "[" || character === "{") depth++
    else if (character === "]" || character === "}") depth--
    if (depth > maxDepth) return true
  }
  return /(?:[-?:][ \t]+){32}/.test(text)
}

/** Finds a duplicate key, or the alias that is one too many: resolving an alias reads the whole document. */
const findExcess = (document: Yaml.Document.Parsed) => {
  let aliases = 0
  let found: { readonly offset: number | undefined; readonly problem: string } | undefined
  Yaml.visit(document, {
    Alias: (_, alias) => {
      if (++aliases <= maxAliases) return undefined
      found = { offset: alias.range?.[0], problem: `more than ${maxAliases} aliases` }
      return Yaml.visit.BREAK
    },
    Map: (_, map) => {
      const keys = new Set<unknown>()
      for (const { key } of map.items) {
        if (!Yaml.isScalar(key)) continue
        if (keys.has(key.value)) {
          found = { offset: key.range?.[0], problem: "not YAML (DUPLICATE_KEY)" }
          return Yaml.visit.BREAK
        }
        keys.add(key.value)
      }
      return undefined
    }
  })
  return found
}

const allToFile: ConfigFile["exporters"] = { traces: ["file"], metrics: ["file"], logs: ["file"] }

const toConfig = (root: Yaml.YAMLMap, reader: Reader): ConfigFile => {
  const all = reader.entries(reader.map(root, "exporters"))
  const named = all.slice(0, maxExporters)
  if (all.length > maxExporters)
    reader.warn(all[maxExporters]?.[1], `more than ${maxExporters} exporters: the others are ignored`)
  const exporters = new Map<string, ExporterName>()
  for (const [name, node] of named) {
    const exporter = exporterNames[typeOf(name)]
    if (exporter === undefined) reader.warn(node, "an exporter that is not supported and is ignored")
    else exporters.set(name, exporter)
  }
  const options = (exporter: ExporterName) => {
    const found = named.find(([name]) => exporters.get(name) === exporter)
    return found !== undefined && Yaml.isMap(found[1]) ? { name: found[0], map: found[1] } : undefined
  }
  const otlp = options("otlp")
  const tls = reader.map(otlp?.map, "tls")
  const headers = reader.entries(reader.map(otlp?.map, "headers")).flatMap(([name, node]) => {
    const value = reader.text(node)
    if (value !== undefined && OtlpEndpoint.isHeader(name, value))
      return [[name.toLowerCase(), value] as const]
    reader.warn(node, "a header that cannot be sent and is left out")
    return []
  })
  const certificates = {
    ca: reader.string(tls, "ca_file"),
    certificate: reader.string(tls, "cert_file"),
    key: reader.string(tls, "key_file")
  }
  const { ca, certificate, key } = certificates
  return {
    exporters: named.length === 0 ? allToFile : toExporters(root, exporters, reader),
    file: reader.string(options("file")?.map, "path"),
    destinations: toDestinations(otlp, reader),
    headers: Object.fromEntries(headers),
    certificates: {
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { certificate }),
      ...(key === undefined ? {} : { key })
    },
    compression: reader.word(otlp?.map, "compression", ["gzip", "none"]),
    protocol: ({ json: "http/json", proto: "http/protobuf" } as const)[
      reader.word(otlp?.map, "encoding", ["json", "proto"]) ?? "json"
    ],
    batchTimeout: toBatchTimeout(root, reader)
  }
}

const typeOf = (name: string) => name.split("/", 1)[0]?.trim() ?? ""

// With pipelines, an exporter serves the signals of the pipelines that name it; without them it serves all signals.
const toExporters = (root: Yaml.YAMLMap, exporters: ReadonlyMap<string, ExporterName>, reader: Reader) => {
  const pipelines = reader.entries(reader.map(reader.map(root, "service"), "pipelines"))
  const of = (signal: OtlpEndpoint.SignalKind) => {
    const names =
      pipelines.length === 0
        ? [...exporters.keys()]
        : pipelines
            .filter(([name]) => typeOf(name) === signal)
            .flatMap(([, pipeline]) => reader.list(pipeline, "exporters"))
    return Exporters.filterSupported(
      signal,
      names.flatMap((name) => exporters.get(name) ?? [])
    )
  }
  return { traces: of("traces"), metrics: of("metrics"), logs: of("logs") }
}

const toDestinations = (
  otlp: { readonly name: string; readonly map: Yaml.YAMLMap } | undefined,
  reader: Reader
): ConfigFile["destinations"] => {
  const base = reader.string(otlp?.map, "endpoint")
  const insecure = toBoolean(reader.string(reader.map(otlp?.map, "tls"), "insecure") ?? "") ?? false
  const of = (signal: OtlpEndpoint.SignalKind): OtlpEndpoint.Destination => {
    const exact = reader.string(otlp?.map, `${signal}_endpoint`)
    if (exact !== undefined) return OtlpEndpoint.toExact(exact)
    if (base === undefined) return "unset"
    return OtlpEndpoint.toSignal(toHttp(base, insecure), signal)
  }
  const destinations = { traces: of("traces"), metrics: of("metrics"), logs: of("logs") }
  if (Object.values(destinations).includes("invalid")) {
    reader.warn(otlp?.map, "an OTLP endpoint that is not an http or https URL: nothing goes there")
  }
  return destinations
}

// The collector's `otlp` exporter speaks gRPC to `host:4317`; the same collector accepts HTTP on port 4318.
const toHttp = (endpoint: string, insecure: boolean): string => {
  if (endpoint.includes("://")) return endpoint
  const plain = insecure || /^(?:localhost|127\.|\[::1\])/.test(endpoint)
  return `${plain ? "http" : "https"}://${endpoint.replace(/:4317$/, ":4318")}`
}

const toBatchTimeout = (root: Yaml.YAMLMap, reader: Reader): number | undefined => {
  const processors = reader.entries(reader.map(root, "processors"))
  const batch = processors.find(([name]) => typeOf(name) === "batch")?.[1]
  const timeout = reader.string(batch, "timeout")
  if (timeout === undefined) return undefined
  const millis = toMillis(timeout)
  if (millis === undefined)
    reader.warn(batch, "a batch timeout that is not a duration such as 200ms and is ignored")
  return millis
}

/** Parses a Go duration such as `1m30s`, clamped to what a Node timer can wait. */
export const toMillis = (text: string): number | undefined => {
  const millis = DurationText.parseMillis(text, ["ns", "us", "ms", "s", "m", "h"])
  return millis === undefined ? undefined : Math.min(Math.max(Math.round(millis), 1), 2 ** 31 - 1)
}

type Node = Yaml.YAMLMap | Yaml.Scalar | Yaml.YAMLSeq | Yaml.Alias | undefined

/** Reads nodes as the expected type, and warns with their position when they have another type. */
class Reader {
  private readonly report: (offset: number | undefined, problem: string) => void
  private readonly environment: Environment
  private readonly document: Yaml.Document.Parsed

  constructor(
    document: Yaml.Document.Parsed,
    report: (offset: number | undefined, problem: string) => void,
    environment: Environment
  ) {
    this.document = document
    this.report = report
    this.environment = environment
  }

  warn(node: Node, problem: string): void {
    this.report(node?.range?.[0], problem)
  }

  map(parent: Node, key: string): Yaml.YAMLMap | undefined {
    const node = this.child(parent, key)
    if (node === undefined || Yaml.isMap(node)) return node
    if (!isNull(node)) this.warn(node, `${key} is not a map and is ignored`)
    return undefined
  }

  entries(map: Yaml.YAMLMap | undefined): ReadonlyArray<readonly [string, Node]> {
    return (map?.items ?? []).map(({ key, value }) => {
      const name = Yaml.isScalar(key) ? String(key.value) : ""
      return [name, this.resolved(value) ?? (Yaml.isScalar(key) ? key : undefined)]
    })
  }

  list(parent: Node, key: string): ReadonlyArray<string> {
    const node = this.child(parent, key)
    return Yaml.isSeq(node)
      ? node.items.flatMap((item) => (Yaml.isScalar(item) ? [String(item.value)] : []))
      : []
  }

  string(parent: Node, key: string): string | undefined {
    const node = this.child(parent, key)
    if (node === undefined || isNull(node)) return undefined
    const text = this.text(node)
    if (text === undefined) this.warn(node, `${key} is not text and is ignored`)
    return text === "" ? undefined : text
  }

  word<Word extends string>(parent: Node, key: string, words: ReadonlyArray<Word>): Word | undefined {
    const text = this.string(parent, key)
    const found = words.find((word) => word === text?.toLowerCase())
    if (text !== undefined && found === undefined) {
      this.warn(this.child(parent, key), `${key} is not one of ${words.join(", ")} and is ignored`)
    }
    return found
  }

  /** Returns text with `${env:NAME}` replaced, as the collector does. */
  text(node: Node): string | undefined {
    if (!Yaml.isScalar(node) || node.value === null || typeof node.value === "object") return undefined
    return String(node.value)
      .trim()
      .replace(/\$\{(?:env:)?(\w+)\}/g, (_, name: string) => this.environment[name] ?? "")
  }

  private child(parent: Node, key: string): Node {
    if (!Yaml.isMap(parent)) return undefined
    return this.resolved(parent.get(key, true))
  }

  private resolved(node: unknown): Node {
    if (Yaml.isAlias(node)) return node.resolve(this.document)
    return Yaml.isNode(node) ? node : undefined
  }
}

const isNull = (node: Node) => Yaml.isScalar(node) && node.value === null
