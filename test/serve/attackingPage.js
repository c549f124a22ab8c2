// Runs in the page of another origin: tries to read and to answer, and says how each way ended.
globalThis.attack = async ({ answer, body, target }) => {
  const api = `${target}/api/inbox/x`
  const read = async (init, path = api) => {
    try {
      const response = await fetch(path, init)
      return response.type === "opaque" ? "opaque" : `read ${response.status}`
    } catch {
      return "blocked"
    }
  }
  const loads = (element, source) =>
    new Promise((resolve) => {
      element.addEventListener("load", () => resolve("loaded"))
      element.addEventListener("error", () => resolve("blocked"))
      element.setAttribute("src", source)
      document.body.append(element)
    })
  const socket = new Promise((resolve) => {
    const opened = new WebSocket(`${target.replace("http", "ws")}/api/updates`)
    opened.addEventListener("open", () => resolve("open"))
    opened.addEventListener("error", () => resolve("blocked"))
  })
  const events = new Promise((resolve) => {
    const source = new EventSource(`${target}/api/updates`, { withCredentials: true })
    source.addEventListener("message", () => resolve("read"))
    source.addEventListener("error", () => {
      source.close()
      resolve("blocked")
    })
  })
  const frame = document.createElement("iframe")
  const framed = new Promise((resolve) =>
    frame.addEventListener("load", () => {
      try {
        resolve(frame.contentDocument === null ? "blocked" : "read")
      } catch {
        resolve("blocked")
      }
    })
  )
  frame.src = target
  document.body.append(frame)
  const post = { method: "POST", body, credentials: "include" }
  const form = document.createElement("form")
  Object.assign(form, { method: "post", action: answer, target: "sink", enctype: "text/plain" })
  const sink = document.createElement("iframe")
  sink.name = "sink"
  const submitted = new Promise((resolve) => sink.addEventListener("load", () => resolve("blocked")))
  document.body.append(sink, form)
  form.submit()
  return {
    fetch: await read({ credentials: "include" }),
    page: await read({}, target),
    simplePost: await read(post, answer),
    jsonPost: await read({ ...post, headers: { "content-type": "application/json" } }, answer),
    withToken: await read({ headers: { authorization: "Bearer x" } }),
    image: await loads(document.createElement("img"), `${target}/icon.svg`),
    script: await loads(document.createElement("script"), `${target}/page.js`),
    socket: await socket,
    events: await events,
    framed: await framed,
    form: await submitted,
    storage: sessionStorage.length + localStorage.length
  }
}
