"""What the steps of the workflow run, in bash with `-eo pipefail`.

All that differs comes from variables of the environment: nothing of an expression of the workflow
stands in a script, where it could be taken for a part of it.
"""

from __future__ import annotations

__all__ = [
    "APPLY",
    "APPLY_SERVERS",
    "BUILD",
    "INSTALLATION",
    "INVENTORY",
    "LOGIN",
    "LOGIN_ECR",
    "NOTE",
    "PLAN",
    "PUSH",
    "ROLL_BACK",
    "SAME_WORKFLOW",
    "SCAN",
    "SHOW_PLAN",
    "SMOKE",
    "STABLE",
    "STREAMS",
]

SAME_WORKFLOW = """\
if ! cmp generated/deploy/delivery.yaml .github/workflows/delivery.yaml; then
  echo "::error::run protonats deploy workflow, and commit what it writes"
  exit 1
fi
"""

SHOW_PLAN = """\
{
  echo '```'
  protonats deploy plan --against "$BASE"
  echo '```'
} | tee -a "$GITHUB_STEP_SUMMARY"
"""

BUILD = """\
if [ -n "$PROTONATS_SOURCE" ]; then
  protonats wheels --add "$PROTONATS_SOURCE"
else
  protonats wheels
fi
docker build \\
  --file "generated/deploy/images/$IMAGE/Dockerfile" \\
  --build-arg "VERSION=$GITHUB_SHA" \\
  --build-arg "REVISION=$GITHUB_SHA" \\
  --build-arg "SOURCE=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY" \\
  --tag "$LOCAL" .
"""

INVENTORY = """\
container=$(docker create "$LOCAL")
docker cp "$container:/usr/share/sbom/image.cdx.json" image.cdx.json
docker rm "$container"
"""

SCAN = """\
docker save --output image.tar "$LOCAL"
docker run --rm --volume "$PWD/image.tar:/image.tar:ro" docker.io/aquasec/trivy:0.57.1 \\
  image --input /image.tar --scanners vuln --severity HIGH,CRITICAL --ignore-unfixed --exit-code 1
rm image.tar
"""

LOGIN_ECR = """\
aws ecr get-login-password --region "$REGION" \\
  | docker login --username AWS --password-stdin "$HOST"
"""

LOGIN = """\
docker login --username "$REGISTRY_USER" --password-stdin "$HOST" <<< "$REGISTRY_PASSWORD"
"""

PUSH = """\
tag="$REPOSITORY:$GITHUB_SHA-$GITHUB_RUN_ATTEMPT"
docker tag "$LOCAL" "$tag"
docker push "$tag"
digest=$(docker inspect --format '{{join .RepoDigests "\\n"}}' "$tag" \\
  | sed -n "s|^$REPOSITORY@||p")
echo "digest=$digest" >> "$GITHUB_OUTPUT"
for environment in $ENVIRONMENTS; do
  mkdir -p "digests/$environment"
  echo "$REPOSITORY@$digest" > "digests/$environment/$IMAGE"
done
"""

INSTALLATION = """\
for file in "digests/$ENVIRONMENT"/*; do
  jq --null-input --arg name "$(basename "$file")" --arg image "$(cat "$file")" '{($name): $image}'
done \\
  | jq --slurp --argjson installation "$INSTALLATION" \\
    '{installation: ($installation + {images: (($installation.images // {}) + add)})}' \\
  > "$ROOT/installation.auto.tfvars.json"
"""

PLAN = """\
terraform -chdir="$ROOT" init \\
  -backend-config="bucket=$STATE_BUCKET" \\
  -backend-config="key=$PREFIX" \\
  -backend-config="region=$AWS_REGION" \\
  -backend-config="use_lockfile=true"
variables="$PWD/generated/deploy/$ENVIRONMENT/terraform.tfvars.json"
terraform -chdir="$ROOT" validate
terraform -chdir="$ROOT" plan -no-color -var-file="$variables" | tee plan.txt
{
  echo '```'
  grep '^Plan: \\|^No changes' plan.txt
  echo '```'
} >> "$GITHUB_STEP_SUMMARY"
"""

NOTE = """\
for service in $SERVICES; do
  aws ecs describe-services --cluster "$CLUSTER" --services "$service" \\
    --query "services[?status=='ACTIVE'].taskDefinition" --output text > "before-$service" || true
done
"""

APPLY_SERVERS = """\
variables="$PWD/generated/deploy/$ENVIRONMENT/terraform.tfvars.json"
terraform -chdir="$ROOT" apply -auto-approve -no-color -var-file="$variables" \\
  -target=module.platform.module.nats \\
  -target=module.platform.module.ecs.aws_ecs_task_definition.tools
"""

_RUN_TASK = """\
run_task() {
  family=$1
  shift
  network=$(terraform -chdir="$ROOT" output -json platform | jq --compact-output '{
    awsvpcConfiguration: {
      subnets: .run_task.subnets,
      securityGroups: [.run_task.security_group],
      assignPublicIp: "DISABLED"
    }
  }')
  overrides=$(jq --null-input --compact-output --arg name "$family" \\
    '{containerOverrides: [{name: $name, command: $ARGS.positional}]}' --args -- "$@")
  task=$(aws ecs run-task --cluster "$CLUSTER" --launch-type FARGATE \\
    --task-definition "$PREFIX-$family" --network-configuration "$network" \\
    --overrides "$overrides" --query 'tasks[0].taskArn' --output text)
  aws ecs wait tasks-stopped --cluster "$CLUSTER" --tasks "$task"
  code=$(aws ecs describe-tasks --cluster "$CLUSTER" --tasks "$task" \\
    --query 'tasks[0].containers[0].exitCode' --output text)
  aws logs tail "/$PREFIX/$family" --since 15m --format short || true
  if [ "$code" != 0 ]; then
    echo "::error::$family $* ended with $code"
    return 1
  fi
}
"""

STREAMS = f"""\
{_RUN_TASK}run_task tools streams apply --yes
"""

APPLY = """\
variables="$PWD/generated/deploy/$ENVIRONMENT/terraform.tfvars.json"
terraform -chdir="$ROOT" apply -auto-approve -no-color -var-file="$variables"
"""

_WAIT = """\
for service in $SERVICES; do
  aws ecs wait services-stable --cluster "$CLUSTER" --services "$service"
"""

STABLE = f"""\
# ECS rolls a service back by itself, and then it is stable too: of what was before.
failed=""
{_WAIT}\
  wanted=$(aws ecs describe-task-definition --task-definition "$PREFIX-$service" \\
    --query taskDefinition.taskDefinitionArn --output text)
  runs=$(aws ecs describe-services --cluster "$CLUSTER" --services "$service" \\
    --query 'services[0].taskDefinition' --output text)
  if [ "$runs" != "$wanted" ]; then
    failed="$failed $service"
  fi
done
if [ -n "$failed" ]; then
  echo "::error::rolled back by ECS:$failed"
  exit 1
fi
"""

SMOKE = f"""\
{_RUN_TASK}run_task operator ping
run_task operator doctor
"""

ROLL_BACK = f"""\
for service in $SERVICES; do
  before=$(cat "before-$service")
  if [ -n "$before" ]; then
    aws ecs update-service --cluster "$CLUSTER" --service "$service" \\
      --task-definition "$before" --query service.taskDefinition --output text
  fi
done
{_WAIT}\
done
"""
