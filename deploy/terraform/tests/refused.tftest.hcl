# Wrong variables, each refused by what it says.

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

run "name" {
  command = plan
  variables {
    name = "Bide"
  }
  expect_failures = [var.name]
}

run "region" {
  command = plan
  variables {
    region = "Frankfurt"
  }
  expect_failures = [var.region]
}

run "front" {
  command = plan
  variables {
    front = "alb"
  }
  expect_failures = [var.front]
}

run "job_too_long" {
  command = plan
  variables {
    queues = { jobs = { native = "echo", timeout = 871 } }
  }
  expect_failures = [var.queues]
}

run "visibility_under_the_function" {
  command = plan
  variables {
    queues = { jobs = { native = "echo", timeout = 60, visibility = 89 } }
  }
  expect_failures = [var.queues]
}

run "concurrency_and_pollers" {
  command = plan
  variables {
    queues = { jobs = { native = "echo", concurrency = 2, pollers = { minimum = 2, maximum = 2 } } }
  }
  expect_failures = [var.queues]
}

run "concurrency_of_one" {
  command = plan
  variables {
    queues = { jobs = { native = "echo", concurrency = 1 } }
  }
  expect_failures = [var.queues]
}

run "one_poller" {
  command = plan
  variables {
    queues = { jobs = { native = "echo", pollers = { minimum = 1, maximum = 2 } } }
  }
  expect_failures = [var.queues]
}

run "large_batch_without_window" {
  command = plan
  variables {
    queues = { jobs = { native = "echo", batch_size = 11 } }
  }
  expect_failures = [var.queues]
}

run "no_handler" {
  command = plan
  variables {
    queues = { jobs = {} }
  }
  expect_failures = [var.queues]
}

run "two_handlers" {
  command = plan
  variables {
    queues = { jobs = { exec = ["cat"], native = "echo" } }
  }
  expect_failures = [var.queues]
}

run "queue_name" {
  command = plan
  variables {
    queues = { "no jobs" = { native = "echo" } }
  }
  expect_failures = [var.queues]
}

run "no_queue" {
  command = plan
  variables {
    queues = {}
  }
  expect_failures = [var.queues]
}

run "default_queue" {
  command = plan
  variables {
    default_queue = "other"
  }
  expect_failures = [var.default_queue]
}

run "nobody_may_submit" {
  command = plan
  variables {
    anonymous = false
  }
  expect_failures = [var.anonymous]
}

run "key_in_clear" {
  command = plan
  variables {
    api_keys = { alice = { hash = "secret" } }
  }
  expect_failures = [var.api_keys]
}

run "waf_of_a_url" {
  command = plan
  variables {
    front    = "function_url"
    waf_rate = 100
  }
  expect_failures = [var.waf_rate]
}

run "keys_of_a_url" {
  command = plan
  variables {
    front        = "function_url"
    gateway_keys = ["alice"]
  }
  expect_failures = [var.gateway_keys]
}

run "whitespace_of_a_url" {
  command = plan
  variables {
    front      = "function_url"
    whitespace = true
  }
  expect_failures = [var.whitespace]
}

run "fargate_without_image" {
  command = plan
  variables {
    front = "fargate"
  }
  expect_failures = [var.image]
}

run "vpc_too_small" {
  command = plan
  variables {
    vpc_cidr = "10.0.0.0/24"
  }
  expect_failures = [var.vpc_cidr]
}

run "one_zone" {
  command = plan
  variables {
    zones = 1
  }
  expect_failures = [var.zones]
}

run "vpc_without_subnets" {
  command = plan
  variables {
    vpc_id                  = "vpc-1"
    private_route_table_ids = ["rtb-1"]
  }
  expect_failures = [var.vpc_id]
}

run "endpoints_without_route_tables" {
  command = plan
  variables {
    vpc_id             = "vpc-1"
    private_subnet_ids = ["subnet-1", "subnet-2"]
  }
  expect_failures = [var.endpoints]
}

run "no_way_to_sqs" {
  command = plan
  variables {
    endpoints = false
  }
  expect_failures = [var.endpoints]
}

run "nat_of_a_given_vpc" {
  command = plan
  variables {
    nat                     = "single"
    vpc_id                  = "vpc-1"
    private_subnet_ids      = ["subnet-1"]
    private_route_table_ids = ["rtb-1"]
  }
  expect_failures = [var.nat]
}

run "short_password" {
  command = plan
  variables {
    cache_password = "secret"
  }
  expect_failures = [var.cache_password]
}

run "log_days" {
  command = plan
  variables {
    log_days = 31
  }
  expect_failures = [var.log_days]
}

run "inline_max" {
  command = plan
  variables {
    inline_max = 1048576
  }
  expect_failures = [var.inline_max]
}
