# front = "function_url": the function's own URL. It waits silently as long as the function lives; its
# answers are whole (a function in a VPC cannot stream over its URL).

resource "aws_lambda_function_url" "front" {
  count              = var.front == "function_url" ? 1 : 0
  function_name      = aws_lambda_function.front[0].function_name
  authorization_type = local.authorization
  invoke_mode        = "BUFFERED"
}

# A URL that anybody may call needs both (AWS, October 2025). With iam_auth the callers' own policies
# have them.
resource "aws_lambda_permission" "url" {
  count                  = var.front == "function_url" && !var.iam_auth ? 1 : 0
  statement_id           = "url"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.front[0].function_name
  principal              = "*"
  function_url_auth_type = "NONE"
}

resource "aws_lambda_permission" "url_invoke" {
  count                    = var.front == "function_url" && !var.iam_auth ? 1 : 0
  statement_id             = "url-invoke"
  action                   = "lambda:InvokeFunction"
  function_name            = aws_lambda_function.front[0].function_name
  principal                = "*"
  invoked_via_function_url = true
}
