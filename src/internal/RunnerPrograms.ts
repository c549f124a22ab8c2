/** Programs whose first words say nothing about what they run. */
import * as Nodepath from "node:path"

/**
 * Programs that run what their arguments say, or write where their options say. The same first words then say nothing
 * about what runs. This list prevents mistakes; it cannot be complete.
 */
export const runners: ReadonlySet<string> = new Set(
  (
    "sh bash zsh dash ksh mksh fish csh tcsh busybox toybox pwsh powershell cmd nu xonsh " +
    "node nodejs deno bun tsx ts-node npx pnpx bunx uvx pipx python pypy ruby irb perl php lua luajit tclsh expect " +
    "rscript r julia groovy scala java jshell kotlin swift go erl elixir iex guile racket clisp sbcl ocaml runghc ghci " +
    "awk gawk mawk nawk sed ed ex vi vim nvim emacs nano less more man gdb lldb " +
    "env sudo doas su runuser pkexec xargs parallel find fd nohup nice ionice setsid stdbuf time timeout watch script " +
    "chroot unshare nsenter strace ltrace command builtin exec eval source . git hg svn ssh scp sftp rsync tar cpio zip " +
    "docker podman kubectl nerdctl crictl systemd-run systemctl at batch crontab make gmake ninja cmake curl wget dd tee"
  ).split(" ")
)

/** Returns the name of a program without its directory and version: `/usr/bin/python3.12` is `python`. */
export const programOf = (word: string): string =>
  Nodepath.basename(word)
    .toLowerCase()
    .replace(/\.exe$/, "")
    .replace(/-?\d[\d.]*$/, "")
