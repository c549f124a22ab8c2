/** Ten thousand lines as real tools print them, without a secret: any that redaction changes is a false positive. */
import { readFileSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Fresh from "./Fresh.ts"

type Line = (fresh: Fresh.Fresh) => string

const file = (f: Fresh.Fresh) =>
  `src/${f.oneOf(["auth", "token", "cache", "server", "ui", "keys"])}/${f.oneOf(["Login", "Tokenizer", "Session", "index", "keyboard", "passport"])}.${f.oneOf(["ts", "tsx", "rs", "py", "go"])}`
const time = (f: Fresh.Fresh) =>
  `2026-0${1 + f.below(9)}-${10 + f.below(18)}T${10 + f.below(13)}:${10 + f.below(49)}:${10 + f.below(49)}.${f.digits(3)}Z`
const clock = (f: Fresh.Fresh) => `${10 + f.below(13)}:${10 + f.below(49)}:${10 + f.below(49)}`
const address = (f: Fresh.Fresh) => `10.${f.below(255)}.${f.below(255)}.${f.below(255)}`
const name = (f: Fresh.Fresh) =>
  f.oneOf([
    "ada",
    "grace",
    "left-pad",
    "effect",
    "author",
    "token-bucket",
    "keyv",
    "passport",
    "secretary",
    "monkey"
  ])
const version = (f: Fresh.Fresh) => `${f.below(20)}.${f.below(30)}.${f.below(40)}`
const path = (f: Fresh.Fresh) =>
  `/usr/lib/${name(f)}/${f.lower(5)}/${f.lower(8)}.${f.oneOf(["so", "js", "py", "jar"])}`

const lines: ReadonlyArray<Line> = [
  (f) => `added ${f.below(900)} packages, and audited ${f.below(2000)} packages in ${f.below(60)}s`,
  (f) => `npm warn deprecated ${name(f)}@${version(f)}: this package is no longer maintained`,
  (f) => `npm error code ERESOLVE while resolving: ${name(f)}@${version(f)}`,
  (f) =>
    `npm error A complete log of this run can be found in: /root/.npm/_logs/${time(f).replaceAll(":", "_")}-debug-0.log`,
  (f) => `      "integrity": "sha512-${f.base64(86)}==",`,
  (f) => `      "resolved": "https://registry.npmjs.org/${name(f)}/-/${name(f)}-${version(f)}.tgz",`,
  (f) => `commit ${f.hex(40)}`,
  (f) => `Author: ${name(f)} <${name(f)}@example.com>`,
  (f) => `${f.hex(7)} Rotate the tokens of ${name(f)} when the password policy changes`,
  (f) => `index ${f.hex(7)}..${f.hex(7)} 100644`,
  (f) => `diff --git a/${file(f)} b/${file(f)}`,
  (f) => ` ${file(f)} | ${f.below(90)} ++++++-----`,
  (f) => `remote: Counting objects: 100% (${f.below(99)}/${f.below(99)}), done.`,
  (f) => `   ${f.hex(8)}..${f.hex(8)}  main -> main`,
  (f) =>
    `@@ -${f.below(99)},${f.below(9)} +${f.below(99)},${f.below(9)} @@ export const keys = (map: Map<string, Key>) => {`,
  (f) => ` ✓ ${file(f)} (${f.below(90)} tests) ${f.below(9000)}ms`,
  (f) => ` × asks for the password again when the token expires ${f.below(900)}ms`,
  (f) => `AssertionError: expected ${f.below(99)} to equal ${f.below(99)}`,
  (f) => ` Test Files  ${f.below(99)} passed (${f.below(99)})`,
  (f) =>
    `   Duration  ${f.below(99)}.${f.digits(2)}s (transform ${f.below(900)}ms, setup 0ms, collect ${f.below(9)}s, tests ${f.below(9)}s)`,
  (f) => `    at Object.<anonymous> (/home/ci/project/${file(f)}:${f.below(400)}:${f.below(80)})`,
  (f) => `    at async Promise.all (index ${f.below(9)})`,
  (f) =>
    `  File "/usr/lib/python3.12/site-packages/${name(f)}/${f.lower(6)}.py", line ${f.below(900)}, in ${f.lower(7)}`,
  (f) => `\tat com.example.${f.lower(6)}.TokenFilter.doFilter(TokenFilter.java:${f.below(400)})`,
  (f) => `goroutine ${f.below(99)} [running]: main.(*Keyring).Get(0xc${f.hex(9)}, 0x${f.hex(2)})`,
  (f) => `   Compiling ${name(f)} v${version(f)}`,
  () => `error[E0308]: mismatched types: expected \`Token\`, found \`Option<Token>\``,
  (f) => ` --> ${file(f)}:${f.below(400)}:${f.below(80)}`,
  (f) => `    Finished \`dev\` profile [unoptimized + debuginfo] target(s) in ${f.below(60)}.${f.digits(2)}s`,
  (f) => `warning: unused variable: \`key\` in ${file(f)}`,
  (f) => `Step ${f.below(9)}/12 : COPY --from=build /app/${f.lower(6)} /app`,
  (f) => `#${f.below(20)} sha256:${f.hex(64)} ${f.below(90)}.${f.digits(2)}MB / 98.1MB ${f.below(9)}.1s`,
  (f) => `Successfully built ${f.hex(12)}`,
  (f) =>
    `${f.hex(12)}   ${name(f)}:${version(f)}   "docker-entrypoint.s…"   ${f.below(9)} hours ago   Up ${f.below(9)} hours   0.0.0.0:80->80/tcp   ${f.lower(6)}_${f.lower(7)}`,
  (f) => `Digest: sha256:${f.hex(64)}`,
  (f) => `web-${f.lowerDigits(10)}-${f.lowerDigits(5)}   1/1     Running   0          ${f.below(90)}d`,
  (f) => `secret/${name(f)}-credentials configured`,
  (f) => `default-token-${f.lowerDigits(5)}   kubernetes.io/service-account-token   3      ${f.below(90)}d`,
  (f) =>
    `Normal  Scheduled  ${f.below(50)}s  default-scheduler  Successfully assigned default/web-${f.lowerDigits(10)}-${f.lowerDigits(5)} to node-${f.below(9)}`,
  (f) =>
    `I1121 ${clock(f)}.${f.digits(6)}       1 controller.go:${f.below(900)}] "Starting workers" controller="token_cleaner" count=${f.below(9)}`,
  (f) =>
    `Nov 21 ${clock(f)} host sshd[${f.digits(5)}]: Accepted publickey for ada from ${address(f)} port ${f.digits(5)} ssh2: ED25519 SHA256:${f.base64(43)}`,
  (f) =>
    `Nov 21 ${clock(f)} host sshd[${f.digits(5)}]: Failed password for root from ${address(f)} port ${f.digits(5)} ssh2`,
  (f) => `Nov 21 ${clock(f)} host systemd[1]: Started Session ${f.below(900)} of User ada.`,
  (f) =>
    `Nov 21 ${clock(f)} host kernel: [${f.digits(5)}.${f.digits(6)}] usb 1-${f.below(9)}: New USB device found, idVendor=${f.hex(4)}, idProduct=${f.hex(4)}`,
  (f) =>
    `Nov 21 ${clock(f)} host CRON[${f.digits(5)}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)`,
  (f) =>
    `${address(f)} - - [21/Nov/2026:${clock(f)} +0000] "GET /api/v1/${f.lower(6)}/${f.uuid()}?page=${f.below(9)} HTTP/1.1" 200 ${f.below(90000)} "-" "Mozilla/5.0 (X11; Linux x86_64)"`,
  (f) => `${address(f)} - ada [21/Nov/2026:${clock(f)} +0000] "POST /login HTTP/2.0" 401 ${f.below(900)}`,
  (f) =>
    `level=info ts=${time(f)} msg="request done" method=GET path=/tokens/${f.uuid()} status=200 duration=${f.below(900)}ms`,
  (f) =>
    `${time(f)} INFO  [${f.lower(5)}] request_id=${f.uuid()} user_id=${f.digits(6)} took ${f.below(900)} ms`,
  (f) => `${time(f)} DEBUG cache_key=user:${f.digits(5)} hit=true ttl=${f.below(900)}`,
  (f) =>
    `{"level":"info","time":${f.digits(13)},"pid":${f.digits(4)},"msg":"listening","port":${f.digits(4)}}`,
  (f) =>
    JSON.stringify({ id: f.uuid(), name: name(f), key: f.lower(6), value: f.below(99), created_at: time(f) }),
  (f) =>
    JSON.stringify({
      id: `resp_${f.hex(48)}`,
      object: "response",
      model: "gpt-5.5",
      usage: { input_tokens: f.below(9000), output_tokens: f.below(900), total_tokens: f.below(9900) }
    }),
  (f) => JSON.stringify({ id: `chatcmpl-${f.alnum(29)}`, choices: [{ index: 0, finish_reason: "stop" }] }),
  (f) =>
    JSON.stringify({
      type: "function_call",
      call_id: `call_${f.alnum(24)}`,
      name: "exec_command",
      arguments: JSON.stringify({ cmd: ["npm", "run", name(f)] })
    }),
  (f) =>
    JSON.stringify({
      sha: f.hex(40),
      url: `https://api.github.com/repos/ada/${name(f)}/commits/${f.hex(40)}`,
      parents: [{ sha: f.hex(40) }]
    }),
  (f) =>
    JSON.stringify({
      items: [
        { name: "PORT", value: f.digits(4) },
        { name: "AUTHOR", value: name(f) }
      ],
      total: f.below(9)
    }),
  (f) =>
    JSON.stringify({
      "content-type": "application/json",
      etag: `W/"${f.hex(10)}"`,
      "x-request-id": f.uuid()
    }),
  (f) => JSON.stringify({ command: ["git", "log", "--oneline", "-p", file(f)] }),
  () => JSON.stringify({ required: ["username", "email", "role"], type: "object" }),
  (f) => `traceparent: 00-${f.hex(32)}-${f.hex(16)}-01`,
  (f) => `<img src="data:image/png;base64,iVBORw0KGgo${f.base64(300)}">`,
  (f) => `background: url(data:font/woff2;base64,d09GMgABAAAAA${f.base64(200)}) format("woff2");`,
  (f) => f.base64(76),
  (f) => `${f.hex(64)}  ${path(f)}`,
  (f) => `${f.hex(32)}  dist/${f.lower(5)}-${f.alnum(8)}.js`,
  (f) =>
    `dist/assets/index-${f.alnum(8)}.css   ${f.below(90)}.${f.digits(2)} kB │ gzip: ${f.below(90)}.${f.digits(2)} kB`,
  (f) =>
    `-rw-r--r-- 1 ada ada ${f.digits(5)} Nov 21 ${clock(f).slice(0, 5)} ${name(f)}.${f.oneOf(["key.md", "txt", "lock", "json"])}`,
  (f) => `drwxr-xr-x ${f.below(9)} root root 4096 Nov ${10 + f.below(15)} 2026 ${path(f)}`,
  (f) =>
    `${f.digits(5)} ?        Ssl    0:0${f.below(9)} /usr/bin/${name(f)} --config /etc/${name(f)}.conf --port ${f.digits(4)}`,
  (f) => `tcp   0   0 ${address(f)}:${f.digits(4)}   0.0.0.0:*   LISTEN   ${f.digits(4)}/node`,
  (f) => `curl -s -o /dev/null -w "%{http_code}" https://example.com/${f.lower(6)}`,
  (f) => `docker run -u 1000:1000 -p ${f.digits(4)}:80 ${name(f)}:${version(f)}`,
  (f) => `mkdir -p /var/lib/${name(f)} && cp -u ${path(f)} /tmp`,
  (f) => `ssh -p ${f.digits(4)} ada@${address(f)} uptime`,
  (f) => `The password must have at least ${8 + f.below(9)} characters and a digit`,
  () => `Enter your password to unlock the keyring`,
  (f) => `Tokens used: ${f.digits(5)} of ${f.digits(6)} (${f.below(99)} %)`,
  (f) => `max_tokens: ${f.digits(4)}, token_count=${f.digits(4)}`,
  (f) =>
    `error: exit code ${f.below(255)}; status code ${f.oneOf(["200", "404", "503"])}, error code ${f.digits(4)}`,
  (f) => `Process finished with code ${f.digits(4)}, pid ${f.digits(5)}`,
  (f) => `Found ${f.below(90)} keys: primary key (id), foreign key (user_id)`,
  (f) => `SELECT id, name, token_type FROM users WHERE id = ${f.digits(5)} ORDER BY key`,
  (f) => `  "version": "${version(f)}",`,
  (f) =>
    `<dependency><groupId>com.example</groupId><artifactId>${name(f)}</artifactId><version>${version(f)}</version></dependency>`,
  (f) => `<key>CFBundleIdentifier</key><string>com.example.${f.lower(6)}</string>`,
  (f) => `  - name: ${name(f)}`,
  (f) => `    image: registry.example.com/${name(f)}@sha256:${f.hex(64)}`,
  (f) => `export default function ${f.lower(6)}(token: Token, key: string): Promise<Session> {`,
  (f) => `  if (token.kind === SyntaxKind.CloseBraceToken) return parse${f.lower(4)}(tokens, index + 1)`,
  (f) => `_ZN4core3fmt9Formatter12pad_integral17h${f.hex(16)}E`,
  (f) => `See https://docs.example.com/guides/${f.lower(7)}-tokens-and-keys#section-${f.below(9)}`,
  (f) => `mongodb://localhost:27017/${name(f)} connected in ${f.below(90)} ms`,
  (f) => `redis://cache:6379/${f.below(9)} ready`,
  (f) => `arn:aws:iam::${f.digits(12)}:role/${name(f)}-role`,
  (f) => `vpc-${f.hex(17)} subnet-${f.hex(17)} i-${f.hex(17)}`,
  (f) => `Uploading artifact ${f.uuid()} (${f.digits(7)} bytes), crc32 ${f.hex(8)}`,
  (f) => `Cache restored from key: node-cache-Linux-x64-npm-${f.hex(64)}`,
  (f) => `${f.below(99)}% |${"█".repeat(f.below(20))} | ETA: 00:0${f.below(9)}`
]

const directory = new URL("../../../", import.meta.url)
const sources = (): ReadonlyArray<string> => {
  const files = readdirSync(new URL("src/", directory), { recursive: true, encoding: "utf8" })
    .filter((each) => each.endsWith(".ts") && !/redaction|generated/.test(each))
    .toSorted()
  return ["package-lock.json", ...files.map((each) => `src/${each}`)].flatMap((each) =>
    readFileSync(fileURLToPath(new URL(each, directory)), "utf8").split("\n")
  )
}

/** Makes lines: four of five from the templates, the others from the sources and the lock file of this repository. */
export const ordinaryLines = (seed: number, count = 10_000): ReadonlyArray<string> => {
  const fresh = Fresh.make(seed, "ordinary lines")
  const own = sources().filter((line) => line.trim() !== "")
  return Array.from({ length: count }, (_, at) =>
    at % 5 === 0 ? (own[fresh.below(own.length)] ?? "") : (lines[fresh.below(lines.length)]?.(fresh) ?? "")
  )
}
