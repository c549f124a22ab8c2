/**
 * The real Codex with requirements of an administrator. Codex asks for hosts only if `/etc/codex/requirements.toml` has a
 * section for the network, so it runs in a mount namespace in which that file exists.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as RealCodex from "./realCodex.ts"

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Returns the path of a program that starts this Codex. It exists until the scope closes. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "managed-codex-" })
  const path = `${directory}/codex`
  yield* fs.makeDirectory(`${directory}/etc/codex`, { recursive: true })
  yield* fs.writeFileString(
    `${directory}/etc/codex/requirements.toml`,
    "[experimental_network]\nenabled = true\n"
  )
  const mount = `mount -t overlay overlay -o lowerdir=${directory}/etc:/etc /etc && exec "$@"`
  const codex = [RealCodex.command, ...RealCodex.launcherArgs].map(quote).join(" ")
  yield* fs.writeFileString(
    path,
    `#!/bin/sh\nexec unshare --user --map-root-user --mount sh -c ${quote(mount)} sh ${codex} "$@"\n`
  )
  yield* fs.chmod(path, 0o755)
  return path
})

/**
 * Returns a command that connects to a host through the proxy of Codex, also to a host whose name no program would accept.
 * Hosts of tests end with `.test`, so that nothing is reached.
 */
export const connectTo = (host: string): string =>
  [
    "at=${http_proxy#http://}",
    "exec 3<>/dev/tcp/${at%:*}/${at##*:}",
    `printf 'GET http://%s/ HTTP/1.1\\r\\nHost: %s\\r\\n\\r\\n' ${quote(host)} ${quote(host)} >&3`,
    "timeout 3 head -c 1 <&3"
  ].join("; ")
