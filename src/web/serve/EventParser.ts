/** Splits the text of an event stream into events. */

export interface ServerEvent {
  readonly id: string | undefined
  readonly data: string
}

/** Splits text into events as it arrives. The server writes `\n` only. */
export const makeParser = (onEvent: (event: ServerEvent) => void) => {
  let rest = ""
  return (text: string): void => {
    const frames = (rest + text).split("\n\n")
    rest = frames.pop() ?? ""
    for (const frame of frames) {
      let id: string | undefined
      const data: Array<string> = []
      for (const line of frame.split("\n")) {
        if (line.startsWith("id: ")) id = line.slice(4)
        if (line.startsWith("data: ")) data.push(line.slice(6))
      }
      if (data.length > 0) onEvent({ id, data: data.join("\n") })
    }
  }
}
