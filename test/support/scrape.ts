/** Parses the text format that Prometheus reads from an endpoint. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const unescape = (text: string) => text.replace(/\\(.)/gs, (_, char: string) => (char === "n" ? "\n" : char))

/** Parses all samples. Throws at an invalid line. */
export const parse = (text: string): ReadonlyArray<Sample> =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name, list = "", value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      if (name === undefined || value === undefined) throw new Error(`no sample: ${line}`)
      const labels = [...list.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/g)]
      if (labels.map(([whole]) => whole).join("") !== list) throw new Error(`no labels: ${line}`)
      return {
        name,
        labels: Object.fromEntries(labels.map(([, key = "", label = ""]) => [key, unescape(label)])),
        value: value === "+Inf" ? Infinity : Number(value)
      }
    })

/** The one sample of this name with these labels, among others that it may have. */
export const value = (
  samples: ReadonlyArray<Sample>,
  name: string,
  labels: Readonly<Record<string, string>>
): number | undefined => {
  const found = samples.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([key, label]) => sample.labels[key] === label)
  )
  return found.length === 1 ? found[0]?.value : undefined
}
