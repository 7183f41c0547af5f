# Each way in: what is made for it, and that nothing of the others is.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_vpc" {
    defaults = { cidr_block = "172.31.0.0/16" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }
  mock_resource "aws_lambda_function" {
    defaults = {
      arn                           = "arn:aws:lambda:eu-central-1:123456789012:function:mock"
      response_streaming_invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2021-11-15/functions/mock/response-streaming-invocations"
    }
  }
  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-central-1:123456789012:mock"
      url = "https://sqs.eu-central-1.amazonaws.com/123456789012/mock"
    }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::mock" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:mock" }
  }
  mock_resource "aws_elasticache_serverless_cache" {
    defaults = {
      arn      = "arn:aws:elasticache:eu-central-1:123456789012:serverlesscache:mock"
      endpoint = [{ address = "cache.example", port = 6379 }]
    }
  }
  mock_resource "aws_api_gateway_rest_api" {
    defaults = { execution_arn = "arn:aws:execute-api:eu-central-1:123456789012:mock" }
  }
  mock_resource "aws_api_gateway_stage" {
    defaults = { arn = "arn:aws:apigateway:eu-central-1::/restapis/mock/stages/dev" }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/mock/1" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/mock/1" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/mock/1" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/mock:1" }
  }
}

variables {
  region  = "eu-central-1"
  package = "./tests/package"
}

run "api_gateway" {
  assert {
    condition = alltrue([
      for integration in values(aws_api_gateway_integration.front) :
      integration.response_transfer_mode == "STREAM" && integration.timeout_milliseconds == 900000 &&
      integration.uri == aws_lambda_function.front[0].response_streaming_invoke_arn
    ])
    error_message = "the gateway does not stream"
  }
  assert {
    condition     = keys(aws_api_gateway_integration.front) == ["proxy", "root"]
    error_message = "the root or what is below it is missing"
  }
  assert {
    condition     = strcontains(local.front_toml, "streaming = true") && strcontains(local.front_toml, "idle_limit = \"290s\"") && strcontains(local.front_toml, "anonymous = true")
    error_message = "the function is not told to stream"
  }
  assert {
    condition     = aws_api_gateway_rest_api.front[0].endpoint_configuration[0].types == tolist(["REGIONAL"])
    error_message = "an edge-optimised API ends streams that are silent for 30 s"
  }
  assert {
    condition     = length(aws_lambda_function_url.front) + length(aws_lb.front) + length(aws_ecs_cluster.bide) + length(aws_sqs_queue.batches) == 0
    error_message = "something of another way in is there"
  }
  assert {
    condition     = length(aws_api_gateway_usage_plan.callers) == 0 && length(aws_wafv2_web_acl_association.front) == 0
    error_message = "what was not asked for is there"
  }
  assert {
    condition     = output.url == aws_api_gateway_stage.front[0].invoke_url
    error_message = "the URL is not the stage's"
  }
}

run "function_url" {
  variables {
    front = "function_url"
  }
  assert {
    condition     = aws_lambda_function_url.front[0].invoke_mode == "BUFFERED" && aws_lambda_function_url.front[0].authorization_type == "NONE"
    error_message = "the URL streams, which it cannot in a VPC, or asks for signatures"
  }
  assert {
    condition     = aws_lambda_permission.url[0].action == "lambda:InvokeFunctionUrl" && aws_lambda_permission.url_invoke[0].action == "lambda:InvokeFunction" && aws_lambda_permission.url_invoke[0].invoked_via_function_url
    error_message = "a public URL needs both permissions"
  }
  assert {
    condition     = strcontains(local.front_toml, "streaming = false") && strcontains(local.front_toml, "idle_limit = \"880s\"")
    error_message = "the function is told to stream, or not how long it may wait"
  }
  assert {
    condition     = length(aws_api_gateway_rest_api.front) + length(aws_api_gateway_account.logs) == 0
    error_message = "there is a gateway"
  }
}

run "function_url_signed" {
  variables {
    front    = "function_url"
    iam_auth = true
  }
  assert {
    condition     = aws_lambda_function_url.front[0].authorization_type == "AWS_IAM" && length(aws_lambda_permission.url) + length(aws_lambda_permission.url_invoke) == 0
    error_message = "anybody may call"
  }
}

run "fargate" {
  variables {
    front = "fargate"
    image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/bide:1"
  }
  assert {
    condition     = aws_lb.front[0].idle_timeout == 4000
    error_message = "silent callers are cut off"
  }
  assert {
    condition     = length(aws_lambda_function.front) == 0 && length(aws_sqs_queue.batches) == 1
    error_message = "there is a front function, or no queue of batches"
  }
  assert {
    condition     = strcontains(local.front_toml, "listen = \"0.0.0.0:8080\"") && strcontains(local.front_toml, "batches = ") && !strcontains(local.front_toml, "[lambda]")
    error_message = "the containers are told something else"
  }
  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "logs", "sqs"]
    error_message = "containers cannot be fetched without these endpoints"
  }
  assert {
    condition     = length(aws_subnet.public) == 2 && length(aws_nat_gateway.own) == 0
    error_message = "no place for the load balancer, or a NAT"
  }
  assert {
    condition     = aws_lb_listener.front[0].protocol == "HTTP" && startswith(output.url, "http://")
    error_message = "TLS without a certificate"
  }
  assert {
    condition     = length(aws_s3_bucket.access) == 1 && aws_lb.front[0].access_logs[0].enabled
    error_message = "no access logs"
  }
}

run "fargate_with_certificate" {
  variables {
    front           = "fargate"
    image           = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/bide:1"
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
    allowed_cidrs   = ["203.0.113.0/24"]
    waf_rate        = 1000
    access_logs     = false
  }
  assert {
    condition     = aws_lb_listener.front[0].protocol == "HTTPS" && aws_lb_listener.front[0].port == 443 && startswith(output.url, "https://")
    error_message = "requests in clear are served"
  }
  assert {
    condition     = toset([for rule in values(aws_vpc_security_group_ingress_rule.public) : "${rule.from_port} ${rule.cidr_ipv4}"]) == toset(["443 203.0.113.0/24"])
    error_message = "others than allowed_cidrs reach the load balancer"
  }
  assert {
    condition     = aws_wafv2_web_acl_association.front[0].resource_arn == aws_lb.front[0].arn && length(aws_s3_bucket.access) == 0
    error_message = "no WAF, or logs that were not asked for"
  }
}

run "gateway_with_keys_and_waf" {
  variables {
    gateway_keys = ["alice", "bob"]
    usage_plan   = { month = 1000 }
    waf_rate     = 500
    whitespace   = true
    anonymous    = false
    api_keys     = { alice = { hash = "sha256:00", tenant = "alice" } }
  }
  assert {
    condition     = alltrue([for method in values(aws_api_gateway_method.any) : method.api_key_required])
    error_message = "no key is asked for"
  }
  assert {
    condition     = length(aws_api_gateway_usage_plan_key.caller) == 2 && aws_api_gateway_usage_plan.callers[0].quota_settings[0].limit == 1000
    error_message = "keys without a plan"
  }
  assert {
    condition     = aws_wafv2_web_acl_association.front[0].resource_arn == aws_api_gateway_stage.front[0].arn
    error_message = "no WAF"
  }
  assert {
    condition     = strcontains(local.front_toml, "whitespace = true") && strcontains(local.front_toml, "anonymous = false") && strcontains(local.front_toml, "[keys.\"alice\"]\nhash = \"sha256:00\"\nscopes = [\"submit\",\"read\"]\ntenant = \"alice\"\n")
    error_message = "the function does not know its keys"
  }
}
