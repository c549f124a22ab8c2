/** Normalizes the lines between this library and Codex: values that differ in every run get stable names. */

/** A line of a transcript: `>` from Codex, `<` from this library. */
export type Line = { readonly ">": unknown } | { readonly "<": unknown }

export interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

/** The directories and addresses of one run, and their stable names. */
export type Places = ReadonlyArray<readonly [place: string, name: string]>

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Whether a message is a reply. */
export const isAnswer = (message: unknown): boolean =>
  isObject(message) && message["id"] !== undefined && message["method"] === undefined

/** The trace context, which differs in every run. */
const withoutTrace = (message: unknown): unknown => {
  if (!isObject(message)) return message
  const { trace: _trace, ...rest } = message
  return rest
}

// Times, durations and sizes, which differ in every run.
const measured = /(?:Ms|At|Secs?)$/
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
/** Prefixes of ids that are the same in every run. */
const made = "00000000-0000-7000-8000-"
/** The fields of a raw item that the transcript keeps; the others hold prompts and outputs. */
const rawKept = new Set(["type", "call_id", "name", "id", "role"])

/** What names the machine in the status of remote control. */
const host = { serverName: "<host>", installationId: "<installation>" }

/** Makes a function that normalizes the messages of one run. */
export const normalizer = (places: Places) => {
  const ids = new Map<string, string>()
  const idOf = (id: string) => {
    if (id.startsWith(made)) return id
    const known = ids.get(id)
    if (known !== undefined) return known
    // Keep the format of ids, because they may be parsed.
    const name = `${made}${String(ids.size + 1).padStart(12, "0")}`
    ids.set(id, name)
    return name
  }
  const text = (value: string) => {
    let out = value
    for (const [place, name] of places) out = out.replaceAll(place, name)
    return out
      .replace(uuid, idOf)
      .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:<port>")
      .replace(/^(effect-codex\/\d+\.\d+\.\d+) .*$/s, "$1 (<system>)")
      .replace(/sessions\/\d+\/\d+\/\d+\/rollout-[\dT-]{19}-/g, "sessions/<date>/rollout-<date>-")
      .replace(/\b[0-9a-f]{40}\b/g, "<sha>")
      .replace(/(Wall time: )[\d.]+/g, "$10")
      .replace(/(Chunk ID: )[0-9a-f]+/g, "$1<chunk>")
  }
  const value = (from: unknown, key: string): unknown => {
    if (typeof from === "string") return key === "processId" ? "<process>" : text(from)
    if (typeof from === "number") return measured.test(key) ? 0 : from
    if (Array.isArray(from)) return from.map((item) => value(item, key))
    if (!isObject(from)) return from
    return Object.fromEntries(Object.entries(from).map(([name, inner]) => [text(name), value(inner, name)]))
  }
  return (said: unknown): unknown => {
    const message = withoutTrace(said)
    if (
      isObject(message) &&
      message["method"] === "rawResponseItem/completed" &&
      isObject(message["params"])
    ) {
      const { item, ...params } = message["params"]
      const kept = Object.fromEntries(
        Object.entries(isObject(item) ? item : {}).filter(([name]) => rawKept.has(name))
      )
      return value({ ...message, params: { ...params, item: kept } }, "")
    }
    if (isObject(message) && message["method"] === "remoteControl/status/changed") {
      const params = { ...(isObject(message["params"]) ? message["params"] : {}), ...host }
      return value({ ...message, params }, "")
    }
    return value(message, "")
  }
}

/** Makes the inverse: a function that replaces the stable names of a transcript by the places of a run. */
export const localizer = (places: Places) => {
  const value = (from: unknown): unknown => {
    if (typeof from === "string")
      return places.reduce((out, [place, name]) => out.replaceAll(name, place), from)
    if (Array.isArray(from)) return from.map(value)
    if (!isObject(from)) return from
    return Object.fromEntries(
      Object.entries(from).map(([name, inner]) => [String(value(name)), value(inner)])
    )
  }
  return value
}

/** Returns JSON that does not depend on the order of fields. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner
  )

/** Whether a message of this library equals the recorded one. */
export const isSame = (expected: unknown, actual: unknown): boolean =>
  canonical(withoutTrace(expected)) === canonical(withoutTrace(actual))
