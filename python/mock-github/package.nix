# The mock GitHub, as a library, a pytest plugin and a program.
{
  lib,
  buildPythonPackage,
  setuptools,
  dulwich,
  graphql-core,
  msgspec,
  pyjwt,
  starlette,
  trustme,
  uvicorn,
  # for its tests
  cryptography,
  git,
  githubkit,
  httpx,
  hypothesis,
  pytest-timeout,
  pytest-xdist,
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
  sourceRoot = "${src.name}/python/mock-github";

  build-system = [ setuptools ];
  dependencies = [
    dulwich
    graphql-core
    msgspec
    pyjwt
    starlette
    trustme
    uvicorn
  ]
  ++ pyjwt.optional-dependencies.crypto;

  nativeCheckInputs = [
    cryptography
    git
    githubkit
    httpx
    hypothesis
    pytest-timeout
    pytest-xdist
    pytestCheckHook
  ];
  preCheck = ''
    export CI=true HOME=$TMPDIR PATH=$out/bin:$PATH
  '';
  pythonImportsCheck = [ "mock_github" ];

  meta = {
    inherit (project) description;
    license = lib.licenses.mit;
    mainProgram = "mock-github";
  };
}
