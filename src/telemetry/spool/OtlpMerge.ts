/** Merges OTLP requests with one item each into one request, without decoding the items. */

/** The parts of a request before and after its items, shared by all items of the group. */
interface Group {
  readonly before: string
  readonly after: string
  readonly items: Array<string>
}

// Quotes inside strings are escaped, so the first match is the list itself.
const list = /"(?:spans|logRecords)":\[/
const schema = `(?:,"schemaUrl":"(?:[^"\\\\]|\\\\.)*")?`
const tail = new RegExp(`\\]${schema}\\}\\]${schema}\\}$`)

/** Merges requests in JSON. Items with the same resource and scope share one group. */
export const json = (requests: ReadonlyArray<Uint8Array>): Buffer => {
  let outer = ""
  const groups = new Map<string, Group>()
  for (const request of requests) {
    const text = Buffer.from(request.buffer, request.byteOffset, request.byteLength).toString()
    const open = text.indexOf("[") + 1
    outer = text.slice(0, open)
    const element = text.slice(open, -2)
    const begin = list.exec(element)
    const after = tail.exec(element)?.[0]
    const from = begin === null ? 0 : begin.index + begin[0].length
    const before = element.slice(0, from)
    const unsplit = begin === null || after === undefined
    const key = unsplit ? `alone ${groups.size}` : `${before}\n${after}`
    const group = groups.get(key) ?? {
      before: unsplit ? "" : before,
      after: unsplit ? "" : after,
      items: []
    }
    group.items.push(unsplit ? element : element.slice(from, element.length - after.length))
    groups.set(key, group)
  }
  const joined = [...groups.values()].map(({ after, before, items }) => before + items.join(",") + after)
  return Buffer.from(`${outer}${joined.join(",")}]}`)
}

/** A field of a protobuf message: its number, and the offsets of its tag, its content and its end. */
export interface ProtobufField {
  readonly number: number
  readonly begin: number
  readonly content: number
  readonly end: number
}

const varint = (bytes: Uint8Array, from: number): readonly [value: number, end: number] => {
  let value = 0
  for (let offset = from, factor = 1; offset < bytes.length; offset++, factor *= 128) {
    const byte = bytes[offset] ?? 0
    value += (byte & 127) * factor
    if (byte < 128) return [value, offset + 1]
  }
  return [value, bytes.length]
}

/** Returns the fields of the message between two offsets. */
export const fieldsOf = (bytes: Uint8Array, from: number, to: number): ReadonlyArray<ProtobufField> => {
  const found: Array<ProtobufField> = []
  for (let begin = from; begin < to;) {
    const [tag, after] = varint(bytes, begin)
    const wire = tag % 8
    const [length, afterVarint] = wire === 2 || wire === 0 ? varint(bytes, after) : [0, after]
    const content = wire === 2 ? afterVarint : after
    const size = wire === 2 ? length : wire === 0 ? afterVarint - after : wire === 1 ? 8 : 4
    const end = content + size
    found.push({ number: Math.floor(tag / 8), begin, content, end })
    begin = end
  }
  return found
}

const lengthPrefixed = (tag: number, parts: ReadonlyArray<Uint8Array>): Buffer => {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const head = [tag]
  let rest = length
  for (; rest >= 128; rest = Math.floor(rest / 128)) head.push((rest % 128) + 128)
  head.push(rest)
  return Buffer.concat([Uint8Array.from(head), ...parts])
}

// Trace and log requests have the same structure: 1 = resource group { 1 = resource, 2 = scope group { 1 = scope,
// 2 = item, 3 = schema URL }, … }.
const scopeField = 2
const itemField = 2

/** Returns the fields of a request that are items. */
export const itemFields = (request: Uint8Array): ReadonlyArray<ProtobufField> =>
  fieldsOf(request, 0, request.length).flatMap((resource) =>
    fieldsOf(request, resource.content, resource.end)
      .filter(({ number }) => number === scopeField)
      .flatMap((scope) =>
        fieldsOf(request, scope.content, scope.end).filter(({ number }) => number === itemField)
      )
  )

/** Merges requests in protobuf. Items with the same resource and scope share one group. */
export const protobuf = (requests: ReadonlyArray<Uint8Array>): Buffer => {
  const groups = new Map<
    string,
    { readonly resource: Buffer; readonly scope: Buffer; readonly items: Array<Uint8Array> }
  >()
  for (const request of requests) {
    const slice = ({ begin, end }: ProtobufField) => request.subarray(begin, end)
    for (const resource of fieldsOf(request, 0, request.length)) {
      const parts = fieldsOf(request, resource.content, resource.end)
      const ofResource = Buffer.concat(parts.filter(({ number }) => number !== scopeField).map(slice))
      for (const scope of parts.filter(({ number }) => number === scopeField)) {
        const inner = fieldsOf(request, scope.content, scope.end)
        const rest = Buffer.concat(inner.filter(({ number }) => number !== itemField).map(slice))
        const key = `${ofResource.toString("latin1")}\n${rest.toString("latin1")}`
        const group = groups.get(key) ?? { resource: ofResource, scope: rest, items: [] }
        for (const field of inner) if (field.number === itemField) group.items.push(slice(field))
        groups.set(key, group)
      }
    }
  }
  return Buffer.concat(
    [...groups.values()].map(({ items, resource, scope }) =>
      lengthPrefixed(0x0a, [resource, lengthPrefixed(0x12, [scope, ...items])])
    )
  )
}
