# Sourced: sets `uv` to a program of this version, installed at the first call.
uv_version=0.13.9
uv_venv=${XDG_CACHE_HOME:-$HOME/.cache}/pants-oci/uv-$uv_version
uv=$uv_venv/bin/uv
[ -x "$uv" ] || { python3 -m venv "$uv_venv" && "$uv_venv/bin/pip" install --quiet "uv==$uv_version"; }
