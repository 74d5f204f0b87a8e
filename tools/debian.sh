# Debian's packages without root, for scripts that source this. apt verifies each against Debian's signed index; its
# state is in a folder of our own, so that neither the machine's lists nor its packages are touched.
#
#   debian_lists FOLDER SUITE…             fetch the lists of these suites, by the mirrors that apt has
#   debian_unpack FOLDER ROOT PACKAGE…     unpack these packages into ROOT, after that

debian_lists() {
  local apt=$1 mirror suites suite source
  shift
  mkdir -p "$apt"/{lists/partial,archives/partial,deb}
  suites=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)')
  mirror=$(awk -v suite="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$1==suite{print $2; exit}' <<<"$suites")
  for suite in "$@"; do
    # A suite that apt does not know is on the mirror of the one that is installed; a security suite never is.
    source=$(awk -v suite="$suite" '$1==suite{print $2; exit}' <<<"$suites")
    case $suite in *-security) ;; *) source=${source:-$mirror} ;; esac
    if [ -z "$source" ]; then echo "apt has no source for $suite" >&2; return 2; fi
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $source $suite main"
  done >"$apt/sources.list"
  cat >"$apt/apt.conf" <<CONF
Dir::State "$apt"; Dir::State::Lists "$apt/lists";
Dir::Cache "$apt"; Dir::Cache::archives "$apt/archives";
Dir::Etc::SourceList "$apt/sources.list"; Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "$apt/preferences"; Dir::Etc::PreferencesParts "/dev/null";
Acquire::Languages "none"; Acquire::Retries "3"; APT::Sandbox::User "";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
  APT_CONFIG=$apt/apt.conf apt-get -q update
}

debian_unpack() {
  local apt=$1 root=$2 package
  shift 2
  (cd "$apt/deb" && APT_CONFIG=$apt/apt.conf apt-get -q download "$@")
  for package in "$apt"/deb/*.deb; do dpkg -x "$package" "$root"; done
  rm -f "$apt"/deb/*.deb
}
