# Queues, workers, cache and network.

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

run "defaults" {
  assert {
    condition     = aws_lambda_function.worker["jobs"].timeout == 330 && aws_sqs_queue.queue["jobs"].visibility_timeout_seconds == 1980
    error_message = "a queue hides its messages for six times the function's timeout, which is 30 s over the attempt's"
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.queue["jobs"].redrive_policy).maxReceiveCount == 5 && aws_sqs_queue.queue["jobs"].sqs_managed_sse_enabled
    error_message = "redrive or encryption is wrong"
  }
  assert {
    condition     = alltrue([for mapping in concat(values(aws_lambda_event_source_mapping.worker), values(aws_lambda_event_source_mapping.dead_letter)) : mapping.function_response_types == toset(["ReportBatchItemFailures"])])
    error_message = "one failed message would bring the whole batch again"
  }
  assert {
    condition     = [aws_lambda_function.front[0].handler, aws_lambda_function.worker["jobs"].handler, aws_lambda_function.dead_letter.handler] == ["front", "worker", "dead-letter"]
    error_message = "functions do not know what they are"
  }
  assert {
    condition     = strcontains(local.worker_toml["jobs"], "native = \"echo\"\nconcurrency = 1\n") && !strcontains(local.worker_toml["jobs"], "dead_letters") && strcontains(local.dead_letter_toml, "dead_letters = ")
    error_message = "worker or dead-letter function is told something else"
  }
  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.bucket["incoming"].rule : rule.filter[0].prefix => rule.expiration[0].days } == { "incoming/" = 14, "claims/" = 5, "failed/" = 14 }
    error_message = "objects go too early, or never"
  }
  assert {
    condition     = aws_elasticache_user.iam[0].user_id == aws_elasticache_user.iam[0].user_name && strcontains(local.front_toml, "redis_iam = \"bide-cache\"\nredis_serverless = true\n")
    error_message = "nobody can log in to the cache by IAM"
  }
  assert {
    condition     = [for subnet in values(aws_subnet.private) : subnet.cidr_block] == ["10.42.0.0/26", "10.42.0.64/26"] && length(aws_subnet.public) + length(aws_nat_gateway.own) == 0
    error_message = "subnets are cut otherwise"
  }
  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["sqs"] && length(aws_vpc_endpoint.s3) == 1
    error_message = "endpoints are missing"
  }
  assert {
    condition     = length(aws_vpc_security_group_egress_rule.outside) + length(aws_vpc_security_group_egress_rule.worker) == 0
    error_message = "somebody may go outside"
  }
}

run "many_queues" {
  variables {
    default_queue = "speak"
    queues = {
      speak = {
        exec        = ["./speak", "--loud & \"clear\""]
        timeout     = 870
        attempts    = 10
        batch_size  = 5
        concurrency = 20
        environment = { VOICE = "en" }
        layers      = ["arn:aws:lambda:eu-central-1:123456789012:layer:espeak:1"]
        policy      = "{\"Version\": \"2012-10-17\", \"Statement\": []}"
      }
      quick = {
        native     = "echo"
        timeout    = 5
        pollers    = { minimum = 2, maximum = 10 }
        visibility = 40
      }
      render = {
        exec        = ["render"]
        worker      = "fargate"
        timeout     = 7200
        image       = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/render@sha256:0123"
        concurrency = 2
        tasks       = { minimum = 0, maximum = 2 }
      }
    }
  }
  assert {
    condition     = keys(aws_lambda_function.worker) == ["quick", "speak"] && aws_lambda_function.worker["speak"].timeout == 900
    error_message = "other workers than asked for"
  }
  assert {
    condition     = aws_lambda_event_source_mapping.worker["speak"].scaling_config[0].maximum_concurrency == 20 && length(aws_lambda_event_source_mapping.worker["speak"].provisioned_poller_config) == 0
    error_message = "no maximum concurrency"
  }
  assert {
    condition     = aws_lambda_event_source_mapping.worker["quick"].provisioned_poller_config[0].maximum_pollers == 10 && length(aws_lambda_event_source_mapping.worker["quick"].scaling_config) == 0
    error_message = "no provisioned pollers"
  }
  assert {
    condition     = { for name, queue in aws_sqs_queue.queue : name => queue.visibility_timeout_seconds } == { quick = 40, render = 30, speak = 5400 }
    error_message = "messages are hidden for another time"
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.queue["speak"].redrive_policy).maxReceiveCount == 12
    error_message = "SQS gives up before bide does"
  }
  assert {
    condition     = strcontains(local.worker_toml["speak"], "exec = [\"./speak\",\"--loud \\u0026 \\\"clear\\\"\"]\nconcurrency = 5\nenvironment = [\"PATH\",") && strcontains(local.worker_toml["speak"], "\"AWS_*\",\"VOICE\"]")
    error_message = "the handler is not told as it was given"
  }
  assert {
    condition     = aws_iam_role_policy.worker_own["speak"].role == aws_iam_role.worker["speak"].id
    error_message = "the handler cannot do what it may"
  }
  assert {
    condition     = length(module.worker) == 1 && length(aws_lb.front) == 0 && length(aws_lambda_event_source_mapping.dead_letter) == 3
    error_message = "no worker of render, or no answers for its dead letters"
  }
  assert {
    condition     = strcontains(local.front_toml, "default_queue = \"speak\"")
    error_message = "POST / goes nowhere"
  }
}

run "existing_vpc" {
  variables {
    vpc_id                    = "vpc-1"
    private_subnet_ids        = ["subnet-1", "subnet-2", "subnet-3"]
    private_route_table_ids   = ["rtb-1"]
    worker_egress             = [{ cidr = "10.0.5.0/24", port = 5432 }]
    worker_security_group_ids = ["sg-database"]
  }
  assert {
    condition     = length(aws_vpc.own) + length(aws_subnet.private) + length(aws_default_security_group.nothing) == 0
    error_message = "another VPC is made"
  }
  assert {
    condition     = aws_lambda_function.worker["jobs"].vpc_config[0].subnet_ids == toset(["subnet-1", "subnet-2", "subnet-3"]) && contains(aws_lambda_function.worker["jobs"].vpc_config[0].security_group_ids, "sg-database")
    error_message = "workers are elsewhere"
  }
  assert {
    condition     = aws_vpc_endpoint.s3[0].route_table_ids == toset(["rtb-1"])
    error_message = "no way to S3"
  }
  assert {
    condition     = [for rule in values(aws_vpc_security_group_egress_rule.worker) : "${rule.cidr_ipv4} ${rule.from_port}-${rule.to_port}"] == ["10.0.5.0/24 5432-5432"]
    error_message = "no way to the database"
  }
}

run "existing_vpc_with_endpoints" {
  variables {
    vpc_id             = "vpc-1"
    private_subnet_ids = ["subnet-1", "subnet-2"]
    endpoints          = false
  }
  assert {
    condition     = length(aws_vpc_endpoint.interface) + length(aws_vpc_endpoint.s3) + length(aws_security_group.endpoints) == 0
    error_message = "endpoints are made twice"
  }
  assert {
    condition     = [for rule in values(aws_vpc_security_group_egress_rule.outside) : "${rule.cidr_ipv4} ${rule.from_port}"] == ["172.31.0.0/16 443", "172.31.0.0/16 443"]
    error_message = "no way to the VPC's own endpoints"
  }
}

run "nat_in_three_zones" {
  variables {
    zones         = 3
    vpc_cidr      = "10.9.0.0/20"
    nat           = "zones"
    worker_egress = [{ cidr = "0.0.0.0/0", port = 443 }]
  }
  assert {
    condition     = length(aws_nat_gateway.own) == 3 && length(aws_route.nat) == 3
    error_message = "not a NAT for each zone"
  }
  assert {
    condition     = [for subnet in values(aws_subnet.public) : subnet.cidr_block] == ["10.9.1.0/26", "10.9.1.64/26", "10.9.1.128/26"]
    error_message = "subnets are cut otherwise"
  }
}

run "one_nat" {
  variables {
    nat = "single"
  }
  assert {
    condition     = length(aws_nat_gateway.own) == 1 && length(aws_route.nat) == 2
    error_message = "not one NAT for all zones"
  }
}

run "cache_of_nodes_with_a_password" {
  variables {
    cache          = "nodes"
    cache_nodes    = { count = 2 }
    cache_password = "0123456789abcdef"
  }
  assert {
    condition     = aws_elasticache_replication_group.cache[0].transit_encryption_enabled && aws_elasticache_replication_group.cache[0].at_rest_encryption_enabled && aws_elasticache_replication_group.cache[0].automatic_failover_enabled
    error_message = "the cache speaks in clear, or stays down"
  }
  assert {
    condition     = length(aws_elasticache_serverless_cache.cache) + length(aws_elasticache_user.iam) == 0
    error_message = "another cache, or another user"
  }
  assert {
    condition     = strcontains(nonsensitive(local.front_toml), "redis = \"rediss://bide-bide:0123456789abcdef@") && !strcontains(nonsensitive(local.front_toml), "redis_iam")
    error_message = "nobody can log in to the cache"
  }
}

run "too_many_queues" {
  command = plan
  variables {
    queues = { for index in range(13) : "queue-${index}" => { native = "echo" } }
  }
  expect_failures = [var.queues]
}

run "too_long_names" {
  variables {
    queues = { for index in range(12) : "queue-with-a-long-long-name-${index + 10}" => { native = "echo" } }
  }
  assert {
    condition     = length(local.front_toml) < 3900
    error_message = "twelve queues do not fit"
  }
  assert {
    condition     = length(local.dead_letter_toml) < 3900
    error_message = "twelve queues do not fit the dead-letter function"
  }
}
