# front = "api_gateway": a regional REST API that streams the function's answer (response transfer
# mode STREAM): a request may take 15 minutes, and be silent for five.

locals {
  gateway       = var.front == "api_gateway"
  authorization = var.iam_auth ? "AWS_IAM" : "NONE"
}

resource "aws_api_gateway_rest_api" "front" {
  count              = local.gateway ? 1 : 0
  name               = var.name
  description        = "bide"
  binary_media_types = ["*/*"] # bodies are bytes, whatever their type

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_resource" "proxy" {
  count       = local.gateway ? 1 : 0
  rest_api_id = aws_api_gateway_rest_api.front[0].id
  parent_id   = aws_api_gateway_rest_api.front[0].root_resource_id
  path_part   = "{proxy+}"
}

locals {
  # {proxy+} does not match the root itself.
  gateway_resources = local.gateway ? {
    root  = aws_api_gateway_rest_api.front[0].root_resource_id
    proxy = aws_api_gateway_resource.proxy[0].id
  } : {}
}

resource "aws_api_gateway_method" "any" {
  for_each         = local.gateway_resources
  rest_api_id      = aws_api_gateway_rest_api.front[0].id
  resource_id      = each.value
  http_method      = "ANY"
  authorization    = local.authorization
  api_key_required = length(var.gateway_keys) > 0
}

# Three things must agree, or callers get the right status and an empty body: the mode, this address
# of the function, and that the function streams ([lambda] streaming in its configuration).
resource "aws_api_gateway_integration" "front" {
  for_each                = local.gateway_resources
  rest_api_id             = aws_api_gateway_rest_api.front[0].id
  resource_id             = each.value
  http_method             = aws_api_gateway_method.any[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.front[0].response_streaming_invoke_arn
  response_transfer_mode  = "STREAM"
  timeout_milliseconds    = 900000
}

resource "aws_lambda_permission" "gateway" {
  count         = local.gateway ? 1 : 0
  statement_id  = "gateway"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.front[0].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.front[0].execution_arn}/*"
}

# A deployment is a copy of the API: it is made again when an attribute changes, not only an id.
resource "aws_api_gateway_deployment" "front" {
  count       = local.gateway ? 1 : 0
  rest_api_id = aws_api_gateway_rest_api.front[0].id

  triggers = {
    api = sha1(jsonencode([
      aws_api_gateway_rest_api.front[0].binary_media_types,
      [for key, method in aws_api_gateway_method.any : [key, method.resource_id, method.http_method, method.authorization, method.api_key_required]],
      [
        for key, integration in aws_api_gateway_integration.front :
        [key, integration.uri, integration.type, integration.response_transfer_mode, integration.timeout_milliseconds]
      ],
    ]))
  }
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "front" {
  count         = local.gateway ? 1 : 0
  rest_api_id   = aws_api_gateway_rest_api.front[0].id
  deployment_id = aws_api_gateway_deployment.front[0].id
  stage_name    = var.stage

  dynamic "access_log_settings" {
    for_each = aws_cloudwatch_log_group.gateway
    content {
      destination_arn = access_log_settings.value.arn
      format = jsonencode({
        time        = "$context.requestTimeEpoch"
        request     = "$context.requestId"
        ip          = "$context.identity.sourceIp"
        method      = "$context.httpMethod"
        path        = "$context.path"
        status      = "$context.status"
        bytes       = "$context.responseLength"
        ms          = "$context.responseLatency"
        key         = "$context.identity.apiKeyId"
        error       = "$context.error.message"
        integration = "$context.integration.error"
      })
    }
  }

  depends_on = [aws_api_gateway_account.logs]
}

resource "aws_api_gateway_method_settings" "front" {
  count       = local.gateway ? 1 : 0
  rest_api_id = aws_api_gateway_rest_api.front[0].id
  stage_name  = aws_api_gateway_stage.front[0].stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = var.rate_limit.rate
    throttling_burst_limit = var.rate_limit.burst
  }
}

# ---- access logs ---------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "gateway" {
  count             = local.gateway && var.access_logs ? 1 : 0
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_days
}

locals {
  gateway_log_role = local.gateway && var.access_logs && var.gateway_log_role
}

data "aws_iam_policy_document" "assume_gateway" {
  count = local.gateway_log_role ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "gateway" {
  count              = local.gateway_log_role ? 1 : 0
  name               = "${var.name}-gateway-logs"
  description        = "API Gateway of this region: writes logs"
  assume_role_policy = data.aws_iam_policy_document.assume_gateway[0].json
}

# API Gateway refuses a role without all that this policy of AWS's has.
resource "aws_iam_role_policy_attachment" "gateway" {
  count      = local.gateway_log_role ? 1 : 0
  role       = aws_iam_role.gateway[0].name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "logs" {
  count               = local.gateway_log_role ? 1 : 0
  cloudwatch_role_arn = aws_iam_role.gateway[0].arn

  depends_on = [aws_iam_role_policy_attachment.gateway]
}

# ---- keys of the gateway, with a usage plan --------------------------------------------------------

resource "aws_api_gateway_api_key" "caller" {
  for_each = var.gateway_keys
  name     = "${var.name}-${each.key}"
}

resource "aws_api_gateway_usage_plan" "callers" {
  count = length(var.gateway_keys) > 0 ? 1 : 0
  name  = var.name

  api_stages {
    api_id = aws_api_gateway_rest_api.front[0].id
    stage  = aws_api_gateway_stage.front[0].stage_name
  }
  throttle_settings {
    rate_limit  = var.usage_plan.rate
    burst_limit = var.usage_plan.burst
  }
  dynamic "quota_settings" {
    for_each = var.usage_plan.month > 0 ? [var.usage_plan.month] : []
    content {
      limit  = quota_settings.value
      period = "MONTH"
    }
  }
}

resource "aws_api_gateway_usage_plan_key" "caller" {
  for_each      = var.gateway_keys
  key_id        = aws_api_gateway_api_key.caller[each.key].id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.callers[0].id
}
