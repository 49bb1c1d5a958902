#!/bin/sh
# install-agents FOLDER AGENT…: installs what FOLDER/AGENT locks, and puts a link to each program into FOLDER/bin.
set -eu
folder=$1
shift
mkdir -p "$folder/bin"
for agent in "$@"; do
  case $agent in
    claude) program=@anthropic-ai/claude-code-linux-x64/claude ;;
    codex | gemini) program=.bin/$agent ;;
    opencode) program=opencode-linux-x64/bin/opencode ;;
    *) echo "install-agents: $agent is none of claude, codex, gemini, opencode" >&2; exit 1 ;;
  esac
  npm ci --prefix "$folder/$agent" --ignore-scripts --no-audit --no-fund --loglevel=error
  test -x "$folder/$agent/node_modules/$program"
  ln -sf "../$agent/node_modules/$program" "$folder/bin/$agent"
done
