# shellcheck shell=bash
# Installing what the tests need and the machine does not have.

apt() {
    local as_root=()
    ((EUID == 0)) || as_root=(sudo)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" </dev/null
}

# Installs the Debian packages whose commands are missing; the package lists are only fetched when
# the ones at hand do not do.
install_packages() { # command:package ...
    local entry missing=()
    for entry in "$@"; do
        command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
    done
    ((${#missing[@]})) || return 0
    apt install --no-install-recommends "${missing[@]}" || {
        apt update && apt install --no-install-recommends "${missing[@]}"
    }
}

# Makes a virtual environment with the pinned packages of a requirements file, unless it is there.
install_python_packages() { # virtual environment, requirements file
    if cmp -s "$2" "$1/requirements.txt" && "$1/bin/python" -c ''; then return 0; fi
    rm -rf "$1"
    mkdir -p "$(dirname "$1")"
    python3 -c 'import ensurepip' 2>/dev/null || install_packages "no-command-tells:python3-venv"
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check -r "$2"
    cp "$2" "$1/requirements.txt"
}

# Installs Python packages, each with its dependencies in a virtual environment of its own, unless they
# are there.
install_python_clients() { # folder, name==version ...
    local folder=$1 package
    shift
    for package in "$@"; do
        [ ! -e "$folder/$package/installed" ] || continue
        rm -rf "${folder:?}/$package"
        python3 -m venv "$folder/$package"
        "$folder/$package/bin/pip" install --quiet --disable-pip-version-check "$package"
        touch "$folder/$package/installed"
    done
}

# Installs npm packages, each with its dependencies in a folder of its own, unless they are there.
install_npm_packages() { # folder, name@version ...
    local folder=$1 package
    shift
    install_packages node:nodejs npm:npm
    for package in "$@"; do
        [ ! -e "$folder/$package/installed" ] || continue
        rm -rf "${folder:?}/$package"
        mkdir -p "$folder/$package"
        npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$folder/$package" \
            "$package" </dev/null
        touch "$folder/$package/installed"
    done
}

# Installs what a package.json names, unless it is there.
install_npm_project() { # folder, package.json
    if cmp -s "$2" "$1/installed.json"; then return 0; fi
    install_packages node:nodejs npm:npm
    rm -rf "${1:?}"
    mkdir -p "$1"
    cp "$2" "$1/package.json"
    npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$1" </dev/null
    cp "$2" "$1/installed.json"
}
