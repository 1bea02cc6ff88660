# The agent, as a library and as a program. `systemd.packages` finds its units, since they lie in lib/systemd/system;
# man page and completion lie in share.
{
  lib,
  buildPythonPackage,
  python,
  setuptools,
  # on a node
  gidgethub,
  httpx,
  msgspec,
  pyyaml,
  # for its tests
  cryptography,
  git,
  groff,
  hypothesis,
  iproute2,
  jsonschema,
  markdown-it-py,
  mock-github,
  prometheus-client,
  pyjwt,
  pytest-timeout,
  pytest-xdist,
  pytestCheckHook,
  shtab,
}:
let
  inherit (lib.importTOML ./pyproject.toml) project;
  # This folder, and the two files above it that tell pytest how this repository is tested.
  src = lib.fileset.toSource {
    root = ../..;
    fileset = lib.fileset.unions [
      ../../conftest.py
      ../../pyproject.toml
      ./README.md
      ./examples
      ./pyproject.toml
      ./requirements.lock
      ./shell_data.py
      ./src
      ./tests
    ];
  };
in
buildPythonPackage {
  pname = project.name;
  inherit (project) version;
  pyproject = true;

  inherit src;
  sourceRoot = "${src.name}/python/zeta-self-register";

  build-system = [ setuptools ];
  dependencies = [
    gidgethub
    httpx
    msgspec
    pyyaml
  ];

  # systemd looks for a program without a path in folders that NixOS does not have.
  postInstall = ''
    data=$out/${python.sitePackages}/zeta_self_register/data
    cp -r $data/lib/systemd $data/lib/sysusers.d $out/lib/
    cp -r $data/share $out/
    substituteInPlace $out/lib/systemd/system/*.service \
      --replace-fail "ExecStart=zeta-self-register " "ExecStart=$out/bin/zeta-self-register "
  '';

  nativeCheckInputs = [
    cryptography
    git
    groff
    hypothesis
    iproute2
    jsonschema
    markdown-it-py
    mock-github
    prometheus-client
    pyjwt
    pytest-timeout
    pytest-xdist
    pytestCheckHook
    shtab
  ];
  preCheck = ''
    export CI=true HOME=$TMPDIR PATH=$out/bin:$PATH
  '';
  disabledTestPaths = map (name: "tests/test_${name}.py") [
    # These need bootproof, vm-scenarios or the repository's commands, for which a node's package does not wait;
    # the flake's check `tests` runs them.
    "aiming"
    "bad_agents"
    "campaign"
    "cuts_parts"
    "exploration"
    "fuzzing"
    "github_app"
    "installer_matrix_parts"
    "no_leaks"
    "once"
    "planted"
    "replay"
    "replayed_processes"
    "replaying"
    "scenario_words"
    "scheduling"
    "tortured"
    "wandering"
    # These register the very machine that they run on, and a build has no network card to be known by.
    "commands"
    "program"
  ];
  pythonImportsCheck = [ "zeta_self_register" ];

  meta = {
    inherit (project) description;
    license = lib.licenses.mit;
    mainProgram = "zeta-self-register";
    platforms = lib.platforms.linux;
  };
}
