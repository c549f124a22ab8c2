/** Finds the values of Kubernetes objects of the kind `Secret`, whose names may be any. */
import * as YamlBlocks from "./YamlBlocks.ts"

const kind = /^[ \t-]*kind:[ \t]*["']?Secret["']?[ \t]*\r?$/m
const data = /^[ \t]*(data|stringData):[ \t]*(?=\r?\n)/gm

/** Masks the values below `data` and `stringData` in YAML. */
export const scrub = (text: string): string => {
  if (!text.includes("kind:") || !kind.test(text)) return text
  return text
    .split(/^(?=---[ \t]*\r?$)/m)
    .map((document) => {
      if (!kind.test(document)) return document
      let out = ""
      let from = 0
      for (const found of document.matchAll(data)) {
        const valueStart = found.index + found[0].length
        const block = YamlBlocks.after(document, found.index + found[0].indexOf(found[1] ?? ""), valueStart)
        if (block === undefined || valueStart < from) continue
        out += document.slice(from, valueStart) + block.masked("data")
        from = block.end
      }
      return out + document.slice(from)
    })
    .join("")
}

/** Whether an object is a Kubernetes object of the kind `Secret`. */
export const isSecret = (entries: ReadonlyArray<readonly [string, unknown]>): boolean =>
  entries.some(([name, value]) => name === "kind" && value === "Secret")

/** Whether a property of such an object holds its values. */
export const isData = (name: string): boolean => name === "data" || name === "stringData"
