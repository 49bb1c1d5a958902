#!/bin/sh
# add FOLDER OPTIONS…: runs `uv sync` with these options, and lays out below FOLDER what that added to the environment.
# A layer that is copied from there holds the difference alone.
set -eu
folder=$1
shift
touch /tmp/before
uv sync --frozen --no-dev --inexact "$@"
rm -rf "$folder"
mkdir -p "$folder"
tar --create --newer=/tmp/before --file=/tmp/added.tar --directory=/ "${UV_PROJECT_ENVIRONMENT#/}"
tar --extract --file=/tmp/added.tar --directory="$folder"
rm /tmp/added.tar
