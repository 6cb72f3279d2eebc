#!/usr/bin/env bash
# Installs the Debian packages that are missing, quietly; says which when it may not.
# runtime: Tesseract with French (second reader), poppler (second PDF renderer), venv. test: Chromium for the browser tests.
set -euo pipefail
missing=()
command -v tesseract >/dev/null || missing+=(tesseract-ocr)
compgen -G '/usr/share/tesseract-ocr/*/tessdata/fra.traineddata' >/dev/null || missing+=(tesseract-ocr-fra)
command -v pdftoppm >/dev/null || missing+=(poppler-utils)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ "${1:-runtime}" = test ]; then
  command -v chromium >/dev/null || missing+=(chromium)
fi
[ ${#missing[@]} -gt 0 ] || exit 0
run=()
if [ "$(id -u)" -ne 0 ]; then
  if sudo -n true 2>/dev/null; then run=(sudo -n); else
    echo "These Debian packages are missing: apt-get install ${missing[*]}" >&2
    [ "${1:-runtime}" = test ] && exit 0 || exit 1
  fi
fi
if ! command -v apt-get >/dev/null; then
  echo "Install with your system's package manager: ${missing[*]}" >&2
  exit 0
fi
echo "Installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${run[@]}" apt-get update -qq
"${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
