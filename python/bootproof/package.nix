# The harness, as a library, a pytest plugin and a program. What it runs beside Python (QEMU, `ip`, mmdebstrap's guests)
# is found in PATH; QEMU comes along.
{
  lib,
  buildPythonPackage,
  setuptools,
  greenlet,
  hypothesis,
  mock-github,
  msgspec,
  pexpect,
  pytest,
  pytest-testinfra,
  pytest-xdist,
  qemu-qmp,
  rich,
  trustme,
  qemu_kvm,
  # for its tests
  git,
  httpx,
  iproute2,
  procps,
  pytest-timeout,
  pytestCheckHook,
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
      ./pyproject.toml
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
  sourceRoot = "${src.name}/python/bootproof";

  build-system = [ setuptools ];
  dependencies = [
    greenlet
    hypothesis
    mock-github
    msgspec
    pexpect
    pytest
    pytest-testinfra
    pytest-xdist
    qemu-qmp
    rich
    trustme
  ];
  makeWrapperArgs = [ "--suffix PATH : ${lib.makeBinPath [ qemu_kvm ]}" ];

  nativeCheckInputs = [
    git
    httpx
    iproute2
    procps
    pytest-timeout
    pytestCheckHook
  ];
  preCheck = ''
    export CI=true HOME=$TMPDIR PATH=$out/bin:$PATH
  '';
  disabledTestPaths = [
    "tests/test_prove.py" # of the repository's command ./prove, which installs Debian packages
    "tests/test_debian.py" # builds a Debian guest, which takes a network
  ];
  # Machines are booted by checks of their own, which say that they need KVM.
  disabledTestMarks = [ "machine" ];
  pythonImportsCheck = [ "bootproof" ];

  meta = {
    inherit (project) description;
    license = lib.licenses.mit;
    mainProgram = "bootproof";
    platforms = lib.platforms.linux;
  };
}
